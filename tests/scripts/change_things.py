"""Changes items and members of an allotd at random, until it is gone or told to stop.

    change_things.py URL SEED [CHANGES]
"""

import http.client
import json
import random
import sys
import urllib.parse

url = urllib.parse.urlparse(sys.argv[1])
dice = random.Random(int(sys.argv[2]))
left = int(sys.argv[3]) if len(sys.argv) > 3 else 10**9
connection = http.client.HTTPConnection(url.hostname, url.port, timeout=10)


def send(method, path, body=None):
    connection.request(method, path, json.dumps(body) if body is not None else "{}",
                       {"Content-Type": "application/json", "X-Allot-Reason": "at random"})
    connection.getresponse().read()


def change():
    item = f"/v1/items/item-{dice.randrange(40)}"
    member = f"/v1/members/zone-{dice.randrange(3)}/m{dice.randrange(4)}"
    what = dice.random()
    if what < 0.6:
        send("PUT", item, {"replication": dice.randrange(4)})
    elif what < 0.75:
        send("DELETE", item)
    elif what < 0.9:
        send("PUT", member, {"item_limit": 10 + dice.randrange(30)})
    elif what < 0.95:
        send("DELETE", member + "?force=true")
    else:
        send("PUT", f"/v1/members/leased/m{dice.randrange(4)}",
             {"item_limit": 20, "ttl_seconds": 5, "session": "of-sixteen-or-more"})


try:
    while left > 0:
        change()
        left -= 1
except (OSError, http.client.HTTPException):
    pass
