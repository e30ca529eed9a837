#!/bin/sh
# A whole allotd that is paused: it assigns nothing; repairs only: it adds what is missing, and moves
# nothing; and goes on by itself when the time is over.
set -eu
cd "$(dirname "$0")/../.."
allotd=$PWD/${ALLOTD:-build/allotd}

work=$(mktemp -d "${TMPDIR:-/tmp}/allot-pause.XXXXXX")
server=
finish() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    wait
    rm -rf "$work"
}
trap finish EXIT

fail() {
    echo "test_pause: $*" >&2
    curl -sS "$ALLOT/v1/assignments" >&2 || true
    tail -n 50 "$work/log" >&2
    exit 1
}

put() {
    curl -sS --fail-with-body -o "$work/answer" -X PUT "$ALLOT$1" --json "$2" ||
        fail "$1: $(cat "$work/answer")"
}

# logged TEXT, and shows PATH FILTER: within half a minute.
logged() {
    tries=0
    until grep -q "$1" "$work/log"; do
        tries=$((tries + 1))
        [ "$tries" -lt 600 ] || fail "not logged: $1"
        sleep 0.05
    done
}
shows() {
    tries=0
    until curl -fsS "$ALLOT$1" | jq -e "$2" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ "$tries" -lt 600 ] || fail "not so: $1 $2"
        sleep 0.05
    done
}

ALLOT=
"$allotd" serve --listen 127.0.0.1:0 --data-dir "$work/data" 2>"$work/log" &
server=$!
logged 'msg=listening'
ALLOT=http://127.0.0.1:$(sed -n 's/.*127\.0\.0\.1:\([0-9][0-9]*\).*/\1/p' "$work/log" | head -n 1)
shows /readyz true

put /v1/allocator '{"paused": "all", "reason": "a test"}'
logged 'allocator settings.*paused=all'
put /v1/members/a/1 '{"item_limit": 4}'
put /v1/items/x '{"replication": 1}'
shows /v1/cluster '.allocator.pending.add == 1'
curl -fsS "$ALLOT/v1/assignments" | jq -e '.items == []' >/dev/null || fail "assigned while paused"

put /v1/allocator '{"paused": "rebalance"}'
shows /v1/items/x/assignments '[.items[].suffix] == ["1"]'
put /v1/members/a/2 '{"item_limit": 4}'
curl -fsS -o /dev/null -X POST "$ALLOT/v1/members/a/1/drain" --json '{}'
put /v1/items/y '{"replication": 1}'
shows /v1/items/y/assignments '[.items[].suffix] == ["2"]'
curl -fsS "$ALLOT/v1/items/x/assignments" | jq -e '[.items[].suffix] == ["1"]' >/dev/null ||
    fail "moved while only repairs go on"
shows /v1/items/x/explain '[.members[].waits_for.code // empty] == ["paused"]'

put /v1/allocator '{"max_moves_per_minute": 0}'
shows /v1/items/x/explain '[.members[].waits_for.code // empty] == ["throttled"]'
put /v1/items/z '{"replication": 1}'
shows /v1/items/z/assignments '.items | length == 1'
curl -fsS "$ALLOT/v1/items/x/assignments" | jq -e '[.items[].suffix] == ["1"]' >/dev/null ||
    fail "moved over the limit"

until=$(date -u -d '+3 seconds' +%Y-%m-%dT%H:%M:%SZ)
put /v1/allocator "{\"paused\": \"all\", \"until\": \"$until\"}"
shows /v1/items/x/assignments '[.items[].suffix] == ["2"]'
shows /v1/members/a/1/drain .drained

kill "$server"
wait "$server" || fail "allotd left with status $?"
server=
