#!/bin/sh
# An embedded store whose disk is full: writes are refused at once, and it is said why; what was refused
# stays undone, even if the server is killed; and once there is room, it goes on.
set -eu
cd "$(dirname "$0")/../.."
. tests/scripts/stage.sh

# put_status ITEM: what it is answered with.
put_status() {
    curl -sS --max-time 4 -D "$tree/head" -o "$tree/output" -w '%{http_code}' -X PUT "$url/v1/items/$1" \
        --json "{\"replication\": 1, \"labels\": {\"filler\": \"$filler\"}}"
}
filler=$(printf '%0200d' 0)

mount_disk small 300k
start small --history none
until_true "nobody leads" shows /v1/cluster '.leader != null'
count=0
while status=$(put_status "item-$count") && [ "$status" = 201 ]; do
    count=$((count + 1))
    [ "$count" -lt 1000 ] || fail "the disk does not fill"
done
[ "$status" = 503 ] || fail "a write to a full disk: $status"
grep -qi '^retry-after: ' "$tree/head" || fail "no Retry-After"
jq -e '.detail | contains("the store takes no writes now")' "$tree/output" >/dev/null || fail "it isn't said why"
grep -q 'store.sqlite.*full' "$tree/small.log" || fail "the log does not name the file"
shows /v1/cluster '.warnings | any(startswith("the store takes no writes"))' >"$tree/output" || fail "no warning"
curl -fsS "$url/v1/items/item-0" >"$tree/output" || fail "nothing to be read"
[ "$(curl -sS -o "$tree/output" -w '%{http_code}' "$url/v1/items/item-$count")" = 404 ] ||
    fail "it was made nevertheless"

crash "$pid"
$sudo mount -o remount,size=10m "$tree/small"
start small --history none
[ "$(curl -sS -o "$tree/output" -w '%{http_code}' "$url/v1/items/item-$count")" = 404 ] ||
    fail "what was refused is there after a crash"
[ "$(put_status "item-$count")" = 201 ] || fail "it does not go on"
shows "/v1/items?limit=1000" ".items | length == $count + 1" >"$tree/output" || fail "not all is there"
stop "$pid"
