"""Watches changes through a connection that is cut at random, while others make changes.

usage: watch_changes.py HOST PORT SEED

Every change must be told exactly once, in order; what is told must add up to what is there at the
end; and a message must be readable as soon as it is told.
"""
import json
import random
import socket
import sys
import threading
import urllib.request

HOST, PORT, SEED = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
BASE = "http://%s:%d" % (HOST, PORT)
CHANGES = 2000
WRITERS = 4


def write(number):
    chance = random.Random(SEED * 100 + number)
    for _ in range(CHANGES // WRITERS):
        item = "item-%d-%d" % (number, chance.randrange(20))
        deletes = chance.random() < 0.2
        body = b"{}" if deletes else json.dumps({"replication": chance.randrange(5)}).encode()
        call = urllib.request.Request(
            "%s/v1/items/%s" % (BASE, item),
            body,
            {"Content-Type": "application/json"},
            method="DELETE" if deletes else "PUT",
        )
        try:
            urllib.request.urlopen(call, timeout=30).read()
        except urllib.error.HTTPError as error:
            assert error.code == 404, error.code


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
    writers = [threading.Thread(target=write, args=(n,)) for n in range(WRITERS)]
    for writer in writers:
        writer.start()
    cuts = told = 0
    done = False
    while not done:
        sse = chance.random() < 0.5
        lines = Lines(revision, sse)
        left = chance.randrange(1, 120)
        for message in messages(lines, sse):
            assert "gone" not in message, message
            if not message.get("bookmark"):
                assert message["revision"] > revision, "told twice, or out of order"
                told += 1
                for event in message["events"]:
                    if event["operation"] == "put":
                        known[event["id"]] = event["mod_revision"]
                    else:
                        del known[event["id"]]
            revision = message["revision"]
            left -= 1
            alive = any(writer.is_alive() for writer in writers)
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
    print("%d changes told, %d cuts" % (told, cuts))


main()
