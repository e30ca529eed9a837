#!/bin/sh
# A whole allotd that is paused: it assigns nothing; repairs only: it adds what is missing, and moves
# nothing; and goes on by itself when the time is over.
set -eu
cd "$(dirname "$0")/../.."
. tests/scripts/stage.sh

set_to() {
    put "$@" >"$tree/output" || fail "not taken: $1 $2"
}

# is PATH FILTER: within half a minute.
is() {
    until_true "not so: $1 $2" shows "$1" "$2"
}

start server
set_to /v1/allocator '{"paused": "all", "reason": "a test"}'
until_true 'the pause is not logged' grep -q 'allocator settings.*paused=all' "$tree/server.log"
set_to /v1/members/a/1 '{"item_limit": 4}'
set_to /v1/items/x '{"replication": 1}'
is /v1/cluster '.allocator.pending.add == 1'
shows /v1/assignments '.items == []' >/dev/null || fail "assigned while paused"

set_to /v1/allocator '{"paused": "rebalance"}'
is /v1/items/x/assignments '[.items[].suffix] == ["1"]'
set_to /v1/members/a/2 '{"item_limit": 4}'
curl -fsS -o /dev/null -X POST "$url/v1/members/a/1/drain" --json '{}'
set_to /v1/items/y '{"replication": 1}'
is /v1/items/y/assignments '[.items[].suffix] == ["2"]'
shows /v1/items/x/assignments '[.items[].suffix] == ["1"]' >/dev/null ||
    fail "moved while only repairs go on"
is /v1/items/x/explain '[.members[].waits_for.code // empty] == ["paused"]'

set_to /v1/allocator '{"max_moves_per_minute": 0}'
is /v1/items/x/explain '[.members[].waits_for.code // empty] == ["throttled"]'
set_to /v1/items/z '{"replication": 1}'
is /v1/items/z/assignments '.items | length == 1'
shows /v1/items/x/assignments '[.items[].suffix] == ["1"]' >/dev/null ||
    fail "moved over the limit"

until=$(date -u -d '+3 seconds' +%Y-%m-%dT%H:%M:%SZ)
set_to /v1/allocator "{\"paused\": \"all\", \"until\": \"$until\"}"
is /v1/items/x/assignments '[.items[].suffix] == ["2"]'
is /v1/members/a/1/drain .drained

stop "$pid"
