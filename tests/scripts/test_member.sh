#!/bin/sh
# Members that allocate themselves, over one etcd and without a server: led by the oldest, they call
# a command for what they gain and lose, keep a server out, and leave once they are empty.
set -eu
cd "$(dirname "$0")/../.."
ALLOTD=${ALLOTD:-build/allotd}
[ -x "$ALLOTD" ] || { echo "no $ALLOTD: run make" >&2; exit 1; }

tree=$(mktemp -d "${TMPDIR:-/tmp}/allot-member.XXXXXX")
pids=
clean_up() {
    for process in $pids; do
        kill -9 "$process" 2>/dev/null || true
    done
    rm -rf "$tree"
}
trap clean_up EXIT

fail() {
    echo "test_member: $*" >&2
    for file in "$tree"/*.log "$tree"/*.told; do
        [ ! -e "$file" ] || sed "s,^,$(basename "$file"): ," "$file" >&2
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

start_etcd() {
    etcd --name test --data-dir "$tree/etcd" --logger zap --log-level error \
        --listen-peer-urls "http://127.0.0.1:$((port + 1))" \
        --initial-advertise-peer-urls "http://127.0.0.1:$((port + 1))" \
        --initial-cluster "test=http://127.0.0.1:$((port + 1))" \
        --listen-client-urls "http://127.0.0.1:$port" \
        --advertise-client-urls "http://127.0.0.1:$port" >>"$tree/etcd.log" 2>&1 &
    etcd=$!
    pids="$pids $etcd"
    tries=0
    until curl -fs -o /dev/null "http://127.0.0.1:$port/health"; do
        kill -0 "$etcd" 2>/dev/null || return 1
        tries=$((tries + 1))
        [ "$tries" -lt 600 ] || return 1
        sleep 0.05
    done
}

etcdctl() {
    ETCDCTL_API=3 command etcdctl --endpoints "http://127.0.0.1:$port" "$@"
}

# start_member ZONE SUFFIX: sets pid.
start_member() {
    "$ALLOTD" member --etcd-endpoints "http://127.0.0.1:$port" --root /t \
        --ttl-seconds 3 --zone "$1" --suffix "$2" --item-limit 4 \
        --on-assign "echo \"\$ALLOT_EVENT \$ALLOT_ITEM\" >>'$tree/$2.told'" 2>"$tree/$2.log" &
    pid=$!
    pids="$pids $pid"
}

# has_key TEXT: some key of the root has it.
has_key() {
    etcdctl get --prefix --keys-only /t/ | grep -q -- "$1"
}

port=$((20000 + $$ % 20000))
attempt=0
until start_etcd; do
    attempt=$((attempt + 1))
    [ "$attempt" -lt 5 ] || fail "etcd does not start"
    rm -rf "$tree/etcd"
    port=$((port + 7))
done

start_member zone-a first
first=$pid
until_true "the first is not announced" has_key '^/t/members/zone-a#first$'
etcdctl put /t/items/x '{"replication":1,"consistency":"reported"}' >/dev/null
until_true "the first did not hear of x" grep -q '^gained x$' "$tree/first.told"
start_member zone-b second
until_true "the second is not announced" has_key '^/t/members/zone-b#second$'

"$ALLOTD" serve --listen 127.0.0.1:0 --data-dir "$tree/served" --store etcd --etcd-endpoints "http://127.0.0.1:$port" \
    --root /t 2>"$tree/server.log" &
server=$!
pids="$pids $server"
until_true "the server does not say why it keeps out" grep -q 'members lead this root' \
    "$tree/server.log"
url=http://$(sed -n 's/.*msg=listening address=\([^ ]*\) .*/\1/p' "$tree/server.log")
[ "$(curl -s -o /dev/null -w '%{http_code}' "$url/readyz")" = 503 ] || fail "the server is ready"
kill "$server"
wait "$server" || fail "the server ends with $?"
! grep -q '/t/schedulers/' "$tree/output" || fail "the server was announced"

kill "$first"
status=0
wait "$first" || status=$?
[ "$status" -eq 0 ] || fail "the first, drained, ends with $status"
grep -q '^lost x$' "$tree/first.told" || fail "the first did not hear that x is lost"
grep -q '^gained x$' "$tree/second.told" || fail "the second did not hear of x"
has_key '^/t/assign/x#zone-b#second#0$' || fail "x is not the second's"
! has_key '#first' || fail "something is left of the first"
