"""Watches changes through a connection that is cut at random, while others make changes.

usage: watch_changes.py HOST PORT SEED

Every change must be told exactly once, in order: just those revisions, and no others, that the writers
were answered with; and what is told must add up to what is there at the end.
"""
import json
import multiprocessing
import random
import socket
import sys
import time
import urllib.request

HOST, PORT, SEED = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
BASE = "http://%s:%d" % (HOST, PORT)
CHANGES = 8000
WRITERS = 8


REQUEST = (
    "%s /v1/items/%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    "Content-Length: %d\r\n\r\n%s"
)


def take_answer(answers):
    """The revision that it names. Python's own client would take most of the processors' time."""
    status = answers.readline()
    assert b" 20" in status, status
    size, revision = 0, None
    for line in iter(answers.readline, b"\r\n"):
        name, _, value = line.partition(b": ")
        if name == b"Content-Length":
            size = int(value)
        elif name == b"Allot-Revision":
            revision = int(value)
    answers.read(size)
    return revision


def write(number, results):
    """Changes items of its own, each time to something else, and tells which revisions that made."""
    chance = random.Random(SEED * 100 + number)
    connection = socket.create_connection((HOST, PORT), 30)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    answers = connection.makefile("rb")
    items, revisions = {}, []
    for _ in range(CHANGES // WRITERS):
        item = "item-%d-%d" % (number, chance.randrange(20))
        deletes = item in items and chance.random() < 0.2
        replication = (items.pop(item, 0) + 1) % 5
        if not deletes:
            items[item] = replication
        method = "DELETE" if deletes else "PUT"
        body = "{}" if deletes else '{"replication": %d}' % replication
        connection.sendall((REQUEST % (method, item, len(body), body)).encode())
        revisions.append(take_answer(answers))
    results.put(revisions)


class Lines:
    """The lines of a watch after a revision, and their end when the connection is cut."""

    def __init__(self, revision, sse):
        self.socket = socket.create_connection((HOST, PORT), 30)
        accept = "text/event-stream" if sse else "application/x-ndjson"
        place = ("Last-Event-ID: %d\r\n" % revision) if sse else ""
        query = "" if sse else "&from=%d" % revision
        self.socket.sendall(
            (
                "GET /v1/watch?kind=item%s HTTP/1.1\r\nHost: localhost\r\nAccept: %s\r\n%s\r\n"
                % (query, accept, place)
            ).encode()
        )
        self.file = self.socket.makefile("rb")
        assert b" 200 " in self.file.readline()
        while self.file.readline().strip():
            pass

    def __iter__(self):
        text = b""
        while True:
            size = int(self.file.readline() or b"0", 16)
            if size == 0:
                return
            text += self.file.read(size)
            self.file.readline()
            *lines, text = text.split(b"\n")
            yield from lines

    def close(self):
        self.file.close()
        self.socket.close()


def messages(lines, sse):
    for line in lines:
        if sse:
            if line.startswith(b"data: "):
                yield json.loads(line[6:])
        elif line:
            yield json.loads(line)


def read_all():
    items, token = {}, ""
    while True:
        with urllib.request.urlopen("%s/v1/items?limit=5000%s" % (BASE, token)) as answer:
            page = json.loads(answer.read())
        items.update((item["id"], item) for item in page["items"])
        if "continue" not in page:
            return page["revision"], items
        token = "&continue=" + page["continue"]


def main():
    chance = random.Random(SEED)
    revision, items = read_all()
    known = {name: item["mod_revision"] for name, item in items.items()}
    results = multiprocessing.Queue()
    writers = [multiprocessing.Process(target=write, args=(n, results)) for n in range(WRITERS)]
    begin = time.monotonic()
    for writer in writers:
        writer.start()
    cuts, took, told = 0, 0, []
    done = False
    while not done:
        sse = chance.random() < 0.5
        lines = Lines(revision, sse)
        left = chance.randrange(1, 120)
        for message in messages(lines, sse):
            assert "gone" not in message, message
            if not message.get("bookmark"):
                assert message["revision"] > revision, "told twice, or out of order"
                told.append(message["revision"])
                for event in message["events"]:
                    if event["operation"] == "put":
                        known[event["id"]] = event["mod_revision"]
                    else:
                        del known[event["id"]]
            revision = message["revision"]
            left -= 1
            alive = results.qsize() < WRITERS
            took = took or (not alive and time.monotonic() - begin)
            if not alive and message.get("bookmark"):
                done = True
            if left == 0 or done:
                break
        else:
            raise AssertionError("the server ended the watch")
        cuts += 1
        lines.close()
    end, items = read_all()
    there = {name: item["mod_revision"] for name, item in items.items()}
    assert known == there, "what was told doesn't add up to what is there"
    written = sorted(sum((results.get() for _ in writers), []))
    assert told == written, "told %d revisions, written %d" % (len(told), len(written))
    for writer in writers:
        writer.join()
    print("%d changes told, %.0f a second, %d cuts" % (len(told), len(told) / took, cuts))


main()
