#!/bin/sh
# Two allotds over one etcd: either serves every request, and when the one that leads is killed, or
# etcd is, things go on.
set -eu
cd "$(dirname "$0")/../.."
. tests/scripts/stage.sh

put_to() {
    curl -fsS -X PUT -H 'Content-Type: application/json' -d "$2" "$1"
}

# is_assigned URL ITEM: to two members.
is_assigned() {
    url=$1
    shows "/v1/items/$2/assignments" '.items | length == 2'
}

start_allotd() {
    name=$1
    shift
    start "$name" --store etcd --ttl-seconds 2 --etcd-endpoints "$etcd_url" "$@"
}

start_etcd
start_allotd first
first_pid=$pid first=$url
start_allotd second
second_pid=$pid second=$url

until_true "no member" put_to "$first/v1/members/a/one" '{"item_limit": 9}'
until_true "no member" put_to "$second/v1/members/b/two" '{"item_limit": 9}'
until_true "no item" put_to "$second/v1/items/alpha" '{"replication": 2}'
until_true "alpha is not assigned" is_assigned "$first" alpha
until_true "alpha is not assigned" is_assigned "$second" alpha

python3 tests/scripts/read_your_writes.py "$first" "$second" "$second_pid" || fail "writes are not read"
curl -fsS -X DELETE "$first/v1/items/mine" || fail "the item is not deleted"

# The oldest one leads.
crash "$first_pid"
until_true "no item without the first" put_to "$second/v1/items/beta" '{"replication": 2}'
until_true "beta is not assigned" is_assigned "$second" beta
grep -q 'level=info msg=leads ' "$tree/second.log" || fail "it isn't said that the second leads"

# Without etcd: reads go on, and say how old they are; writes are refused at once.
is_stale() {
    curl -fsS -D "$tree/head" -o /dev/null "$second/v1/items/alpha" && grep -qi '^age: ' "$tree/head"
}
is_not_ready() {
    [ "$(curl -s -o /dev/null -w '%{http_code}' "$second/readyz")" = 503 ]
}
crash "$etcd_pid"
until_true "reads don't say that they are stale" is_stale
is_assigned "$second" alpha >/dev/null || fail "nothing to be read without etcd"
until_true "ready without etcd" is_not_ready
url=$second
until_true "leads without etcd" shows /v1/cluster '.allocator.leading | not'
shows /v1/cluster '.warnings[0] | startswith("the store can'"'"'t be reached")' >"$tree/output" ||
    fail "no warning that etcd can't be reached"
for name in one two three; do
    status=$(curl -s --max-time 2 -D "$tree/head" -o "$tree/output" -w '%{http_code}' -X PUT \
        -H 'Content-Type: application/json' -d '{"replication": 2}' "$second/v1/items/$name") ||
        fail "no answer to a write without etcd"
    [ "$status" = 503 ] || fail "a write without etcd: $status"
    grep -qi '^retry-after: ' "$tree/head" || fail "a write without etcd: no Retry-After"
done
start_etcd
until_true "no item after a restart of etcd" put_to "$second/v1/items/gamma" '{"replication": 2}'
until_true "gamma is not assigned" is_assigned "$second" gamma
grep -q 'level=info msg=store why=.*answers again' "$tree/second.log" || fail "it isn't said that etcd is back"
until_true "it still warns" shows /v1/cluster '.allocator.leading and .warnings == []'

# A watch whose place was compacted away: the server loads anew, and readers don't notice.
kill -STOP "$second_pid"
crash "$etcd_pid"
start_etcd
etcdctl put /allot/items/delta '{"replication": 2}' >/dev/null
etcdctl put /elsewhere 1 >/dev/null
etcdctl compact "$(etcdctl get /elsewhere -w json | jq .header.revision)" >/dev/null
kill -CONT "$second_pid"
tries=0
until curl -fsS "$second/v1/items/delta" >"$tree/output" 2>&1; do
    curl -fsS -o /dev/null "$second/v1/items/alpha" || fail "a reader notices that it loads anew"
    tries=$((tries + 1))
    [ "$tries" -lt 3000 ] || fail "delta is not there"
done
grep -q 'mirror starts over.*compacted' "$tree/second.log" || fail "it has not loaded anew"
until_true "delta is not assigned" is_assigned "$second" delta

# Of two with the same name the one that came last leads, and the other one says so.
stop "$second_pid"
start_allotd elder --instance twin
elder_pid=$pid elder=$url
until_true "the elder doesn't lead" grep -q 'level=info msg=leads ' "$tree/elder.log"
start_allotd younger --instance twin
younger_pid=$pid younger=$url
warns() {
    curl -sS "$elder/readyz" | grep 'same --instance' && curl -fsS "$elder/v1/cluster" |
        jq '.warnings[]' | grep 'same --instance'
}
until_true "the elder says nothing" warns
until_true "no item of the elder" put_to "$elder/v1/items/epsilon" '{"replication": 2}'
until_true "epsilon is not assigned" is_assigned "$younger" epsilon
until_true "it isn't said that the elder leads no more" grep -q 'level=info msg="leads no more"' "$tree/elder.log"
[ "$(grep -c 'same --instance' "$tree/elder.log")" -eq 1 ] || fail "it says so over and over"
crash "$younger_pid"
until_true "the elder does not lead" curl -fsS "$elder/readyz"
stop "$elder_pid"

refused() {
    wanted=$1
    text=$2
    shift 2
    status=0
    "$ALLOTD" serve --store etcd "$@" >"$tree/output" 2>&1 || status=$?
    [ "$status" -eq "$wanted" ] || fail "$*: exit status $status instead of $wanted"
    grep -q -- "$text" "$tree/output" || fail "$*: doesn't say: $text"
}
refused 2 '--etcd-endpoints: URL'
refused 1 '/nowhere: cannot be read' --etcd-endpoints https://127.0.0.1:1 --etcd-ca /nowhere
