#!/bin/sh
# A web site elsewhere can't drive an allotd on loopback that asks for no token, whatever it has a real
# Chromium send: neither across sites, nor as a name that has come to mean this machine.
set -eu
cd "$(dirname "$0")/../.."
. tests/scripts/stage.sh

start server
curl -fsS -o "$tree/answer" -X PUT "$url/v1/members/zone-a/1" --json '{"item_limit": 4}'
for item in a b; do
    curl -fsS -o "$tree/answer" -X PUT "$url/v1/items/$item" --json '{"replication": 1}'
done
until_true "not assigned" shows /v1/cluster '.items_by_state.healthy == 2'

# All that can be written, but item a, with the revisions in which it was.
entities() {
    for kind in items members assignments; do
        curl -fsS "$url/v1/$kind" | jq -cS '.items[] | select(.id != "a") | del(.status)'
    done
    curl -fsS "$url/v1/allocator" | jq -cS .
}
before=$(entities)

python3 tests/scripts/foreign_site.py "${url##*:}" "$(command -v chromium)" "$tree" >"$tree/found" ||
    fail "the pages have not been looked at"

# A page of its own can: so what the others were refused is no fault of the test.
jq -e '.own == {get: "basic 200", read: "2", put: "basic 200", events: "opened"}' "$tree/found" >/dev/null ||
    fail "a page of its own was refused"
# As another name, everything arrives, and is refused.
jq -e '.rebound | [.get, .put, .patch, .delete, .post] == [range(5) | "basic 403"]' "$tree/found" >/dev/null ||
    fail "a rebound name was not refused"
jq -e '.rebound.read | startswith("refused")' "$tree/found" >/dev/null || fail "a rebound name could read"
jq -e '.rebound.events == "failed"' "$tree/found" >/dev/null || fail "a rebound name could watch"
# From another site the browser tells the page nothing.
jq -e '.foreign | [.get, .read, .put, .patch, .delete, .post][] | startswith("refused")' "$tree/found" >/dev/null ||
    fail "another site was told something"
jq -e '.foreign.events == "failed"' "$tree/found" >/dev/null || fail "another site could watch"
grep -q 'method=POST status=403.*/drain' "$tree/server.log" || fail "nothing of it has arrived"

# The page of its own has put item a; nobody else has changed anything.
shows /v1/items '[.items[] | [.id, .replication]] == [["a", 7], ["b", 1]]' >/dev/null ||
    fail "items were changed"
shows /v1/members/zone-a/1 '.exiting == false' >/dev/null || fail "the member drains"
after=$(entities)
[ "$after" = "$before" ] || fail "$before became $after"

stop "$pid"
