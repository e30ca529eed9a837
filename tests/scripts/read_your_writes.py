"""What was written through one allotd is read through any, with min_revision.

usage: read_your_writes.py FIRST_URL SECOND_URL SECOND_PID

Writes an item through the first again and again; after each write one reader at each of them asks for
it as of the write's revision, at once, and must see just that. In some rounds the second is stopped
while the write is made, and is asked before it goes on: so it is late, as asking it without a revision
shows.
"""
import concurrent.futures
import json
import os
import signal
import sys
import time
import urllib.request

WRITES = 300
STOP_EVERY = 10


def request(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    call = urllib.request.Request(url, data, {"Content-Type": "application/json"},
                                  method="GET" if body is None else "PUT")
    with urllib.request.urlopen(call, timeout=30) as answer:
        return int(answer.headers["Allot-Revision"]), json.load(answer)


def main():
    first, second, pid = sys.argv[1], sys.argv[2], int(sys.argv[3])
    late = 0
    with concurrent.futures.ThreadPoolExecutor(3) as threads:
        for number in range(WRITES):
            stops = number % STOP_EVERY == 0
            if stops:
                os.kill(pid, signal.SIGSTOP)
            try:
                revision, _ = request(first + "/v1/items/mine", {"replication": number % 60})
                url = "/v1/items/mine?min_revision=%d" % revision
                blind = threads.submit(request, second + "/v1/items") if stops else None
                reads = [threads.submit(request, reader + url) for reader in (first, second)]
                if stops:
                    time.sleep(0.05)
            finally:
                os.kill(pid, signal.SIGCONT)
            late += blind is not None and blind.result()[0] < revision
            for seen, item in (read.result() for read in reads):
                assert seen >= revision, "asked for %d, got %d" % (revision, seen)
                assert item["replication"] == number % 60, "%s after write %d" % (item, number)
    print("%d writes; the second was late %d times of %d" % (WRITES, late, WRITES // STOP_EVERY))
    assert late > 0, "it was never late: nothing was tried"


main()
