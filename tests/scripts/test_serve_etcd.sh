#!/bin/sh
# Two allotds over one etcd: either serves every request, and when the one that leads is killed, or
# etcd is, things go on.
set -eu
cd "$(dirname "$0")/../.."
ALLOTD=${ALLOTD:-build/allotd}
[ -x "$ALLOTD" ] || { echo "no $ALLOTD: run make" >&2; exit 1; }

tree=$(mktemp -d "${TMPDIR:-/tmp}/allot-etcd.XXXXXX")
etcd_pid=
first_pid=
second_pid=
clean_up() {
    for process in $etcd_pid $first_pid $second_pid; do
        kill -9 "$process" 2>/dev/null || true
    done
    rm -rf "$tree"
}
trap clean_up EXIT

fail() {
    echo "test_serve_etcd: $*" >&2
    for file in "$tree"/*.log; do
        sed "s,^,$(basename "$file"): ," "$file" >&2
    done
    exit 1
}

# until_true WHAT COMMAND...: tries for half a minute.
until_true() {
    what=$1
    shift
    tries=0
    until "$@" >"$tree/output" 2>&1; do
        tries=$((tries + 1))
        [ "$tries" -lt 600 ] || fail "$what"
        sleep 0.05
    done
}

# The port is a guess: another one if it is taken.
start_etcd() {
    etcd --name test --data-dir "$tree/etcd" --logger zap --log-level error \
        --heartbeat-interval 20 --election-timeout 200 \
        --listen-peer-urls "http://127.0.0.1:$((port + 1))" \
        --initial-advertise-peer-urls "http://127.0.0.1:$((port + 1))" \
        --initial-cluster "test=http://127.0.0.1:$((port + 1))" \
        --listen-client-urls "http://127.0.0.1:$port" \
        --advertise-client-urls "http://127.0.0.1:$port" >>"$tree/etcd.log" 2>&1 &
    etcd_pid=$!
    tries=0
    until curl -fs -o /dev/null "http://127.0.0.1:$port/health"; do
        kill -0 "$etcd_pid" 2>/dev/null || return 1
        tries=$((tries + 1))
        [ "$tries" -lt 600 ] || return 1
        sleep 0.05
    done
}

# start_allotd NAME: sets pid and url once it is ready.
start_allotd() {
    "$ALLOTD" serve --listen 127.0.0.1:0 --data-dir "$tree/$1" --store etcd --ttl-seconds 2 \
        --etcd-endpoints "http://127.0.0.1:$port" 2>"$tree/$1.log" &
    pid=$!
    until_true "$1 does not listen" grep -q msg=listening "$tree/$1.log"
    url=http://$(sed -n 's/.*msg=listening address=\([^ ]*\) .*/\1/p' "$tree/$1.log")
    until_true "$1 is not ready" curl -fs "$url/readyz"
}

etcdctl() {
    ETCDCTL_API=3 command etcdctl --endpoints "http://127.0.0.1:$port" "$@"
}

put() {
    curl -fsS -X PUT -H 'Content-Type: application/json' -d "$2" "$1"
}

# is_assigned URL ITEM: to two members.
is_assigned() {
    curl -fsS "$1/v1/items/$2/assignments" | jq -e '.items | length == 2'
}

attempt=0
port=$((20000 + $$ % 20000))
until start_etcd; do
    attempt=$((attempt + 1))
    [ "$attempt" -lt 5 ] || fail "etcd does not start"
    port=$((port + 7))
done
start_allotd first
first_pid=$pid first=$url
start_allotd second
second_pid=$pid second=$url

until_true "no member" put "$first/v1/members/a/one" '{"item_limit": 9}'
until_true "no member" put "$second/v1/members/b/two" '{"item_limit": 9}'
until_true "no item" put "$second/v1/items/alpha" '{"replication": 2}'
until_true "alpha is not assigned" is_assigned "$first" alpha
until_true "alpha is not assigned" is_assigned "$second" alpha

python3 tests/scripts/read_your_writes.py "$first" "$second" "$second_pid" || fail "writes are not read"
curl -fsS -X DELETE "$first/v1/items/mine" || fail "the item is not deleted"

# The oldest one leads.
kill -9 "$first_pid"
wait "$first_pid" 2>/dev/null || true
until_true "no item without the first" put "$second/v1/items/beta" '{"replication": 2}'
until_true "beta is not assigned" is_assigned "$second" beta

# Without etcd: reads go on, and say how old they are; writes are refused at once.
kill_etcd() {
    kill -9 "$etcd_pid"
    wait "$etcd_pid" 2>/dev/null || true
}
is_stale() {
    curl -fsS -D "$tree/head" -o /dev/null "$second/v1/items/alpha" && grep -qi '^age: ' "$tree/head"
}
is_not_ready() {
    [ "$(curl -s -o /dev/null -w '%{http_code}' "$second/readyz")" = 503 ]
}
kill_etcd
until_true "reads don't say that they are stale" is_stale
is_assigned "$second" alpha >/dev/null || fail "nothing to be read without etcd"
until_true "ready without etcd" is_not_ready
for name in one two three; do
    status=$(curl -s --max-time 2 -D "$tree/head" -o "$tree/output" -w '%{http_code}' -X PUT \
        -H 'Content-Type: application/json' -d '{"replication": 2}' "$second/v1/items/$name") ||
        fail "no answer to a write without etcd"
    [ "$status" = 503 ] || fail "a write without etcd: $status"
    grep -qi '^retry-after: ' "$tree/head" || fail "a write without etcd: no Retry-After"
done
start_etcd || fail "etcd does not start again"
until_true "no item after a restart of etcd" put "$second/v1/items/gamma" '{"replication": 2}'
until_true "gamma is not assigned" is_assigned "$second" gamma

# A watch whose place was compacted away: the server loads anew, and readers don't notice.
kill -STOP "$second_pid"
kill_etcd
start_etcd || fail "etcd does not start once more"
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

kill -TERM "$second_pid"
status=0
wait "$second_pid" || status=$?
second_pid=
[ "$status" -eq 0 ] || fail "exit status $status"

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
