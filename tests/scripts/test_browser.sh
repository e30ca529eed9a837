#!/bin/sh
# A web site elsewhere can't drive an allotd on loopback that asks for no token, whatever it has a real
# Chromium send: neither across sites, nor as a name that has come to mean this machine.
set -eu
cd "$(dirname "$0")/../.."
allotd=$PWD/${ALLOTD:-build/allotd}

work=$(mktemp -d "${TMPDIR:-/tmp}/allot-browser.XXXXXX")
server=
finish() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    wait
    rm -rf "$work"
}
trap finish EXIT

fail() {
    echo "test_browser: $*" >&2
    [ ! -f "$work/found" ] || cat "$work/found" >&2
    tail -n 60 "$work/log" >&2
    exit 1
}

: >"$work/log"
"$allotd" serve --listen 127.0.0.1:0 --data-dir "$work/data" 2>"$work/log" &
server=$!
tries=0
until port=$(sed -n 's/.*127\.0\.0\.1:\([0-9][0-9]*\).*/\1/p' "$work/log" | head -n 1) && [ -n "$port" ] &&
    curl -fs -o /dev/null "http://127.0.0.1:$port/readyz"; do
    kill -0 "$server" 2>/dev/null || fail "allotd has ended"
    tries=$((tries + 1))
    [ "$tries" -lt 600 ] || fail "allotd isn't ready"
    sleep 0.05
done
ALLOT=http://127.0.0.1:$port
curl -fsS -o "$work/answer" -X PUT "$ALLOT/v1/members/zone-a/1" --json '{"item_limit": 4}'
for item in a b; do
    curl -fsS -o "$work/answer" -X PUT "$ALLOT/v1/items/$item" --json '{"replication": 1}'
done
tries=0
until curl -fsS "$ALLOT/v1/cluster" | jq -e '.items_by_state.healthy == 2' >/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -lt 600 ] || fail "not assigned"
    sleep 0.05
done

# All that can be written, but item a, with the revisions in which it was.
entities() {
    for kind in items members assignments; do
        curl -fsS "$ALLOT/v1/$kind" | jq -cS '.items[] | select(.id != "a") | del(.status)'
    done
    curl -fsS "$ALLOT/v1/allocator" | jq -cS .
}
before=$(entities)

python3 tests/scripts/foreign_site.py "$port" "$(command -v chromium)" "$work" >"$work/found" ||
    fail "the pages have not been looked at"

# A page of its own can: so what the others were refused is no fault of the test.
jq -e '.own == {get: "basic 200", read: "2", put: "basic 200", events: "opened"}' "$work/found" >/dev/null ||
    fail "a page of its own was refused"
# As another name, everything arrives, and is refused.
jq -e '.rebound | [.get, .put, .patch, .delete, .post] == [range(5) | "basic 403"]' "$work/found" >/dev/null ||
    fail "a rebound name was not refused"
jq -e '.rebound.read | startswith("refused")' "$work/found" >/dev/null || fail "a rebound name could read"
jq -e '.rebound.events == "failed"' "$work/found" >/dev/null || fail "a rebound name could watch"
# From another site the browser tells the page nothing.
jq -e '.foreign | [.get, .read, .put, .patch, .delete, .post][] | startswith("refused")' "$work/found" >/dev/null ||
    fail "another site was told something"
jq -e '.foreign.events == "failed"' "$work/found" >/dev/null || fail "another site could watch"
grep -q 'method=POST status=403.*/drain' "$work/log" || fail "nothing of it has arrived"

# The page of its own has put item a; nobody else has changed anything.
curl -fsS "$ALLOT/v1/items" | jq -e '[.items[] | [.id, .replication]] == [["a", 7], ["b", 1]]' >/dev/null ||
    fail "items were changed"
curl -fsS "$ALLOT/v1/members/zone-a/1" | jq -e '.exiting == false' >/dev/null || fail "the member drains"
after=$(entities)
[ "$after" = "$before" ] || fail "$before became $after"

kill "$server"
wait "$server" || fail "allotd left with status $?"
server=
