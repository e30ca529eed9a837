#!/bin/sh
# Three etcds and three allotds on loopback, to play with: until it is told to end, then all are
# ended by their pids. What they know stays in the directory, for the next time.
#
#   scripts/cluster.sh [DIRECTORY]     default: allot-cluster
#
# Environment: ALLOTD, the binary (build/allotd); CLUSTER_PORT, the first of nine free ports
# (23790): three for etcd's clients, three for its peers, three for allotd.
set -eu

directory=${1:-allot-cluster}
allotd=${ALLOTD:-build/allotd}
port=${CLUSTER_PORT:-23790}
pids=

fail() {
    echo "cluster: $*" >&2
    exit 1
}

# The allotds first, while there is an etcd to leave it to.
stop() {
    trap - EXIT INT TERM
    for pid in $pids; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    echo "cluster: stopped"
}

# await URL PID LOG: until it answers with success.
await() {
    tries=0
    until curl -fs -o /dev/null --max-time 2 "$1"; do
        kill -0 "$2" 2>/dev/null || fail "it has ended: $(tail -n 3 "$3")"
        tries=$((tries + 1))
        [ "$tries" -lt 300 ] || fail "no answer from $1: see $3"
        sleep 0.1
    done
}

command -v etcd >/dev/null || fail "etcd is missing: scripts/install.sh test installs it"
[ -x "$allotd" ] || fail "no $allotd: run make"
mkdir -p "$directory"
trap stop EXIT
trap 'exit 0' INT TERM

members=
endpoints=
for i in 0 1 2; do
    members="$members${members:+,}etcd$i=http://127.0.0.1:$((port + 3 + i))"
    endpoints="$endpoints${endpoints:+,}http://127.0.0.1:$((port + i))"
done
for i in 0 1 2; do
    etcd --name "etcd$i" --data-dir "$directory/etcd$i" --logger zap --log-level error \
        --listen-client-urls "http://127.0.0.1:$((port + i))" \
        --advertise-client-urls "http://127.0.0.1:$((port + i))" \
        --listen-peer-urls "http://127.0.0.1:$((port + 3 + i))" \
        --initial-advertise-peer-urls "http://127.0.0.1:$((port + 3 + i))" \
        --initial-cluster "$members" >"$directory/etcd$i.log" 2>&1 &
    pids="$! $pids"
done
for i in 0 1 2; do
    "$allotd" serve --data-dir "$directory/allotd$i" --instance "allotd$i" \
        --store etcd --etcd-endpoints "$endpoints" \
        --listen "127.0.0.1:$((port + 6 + i))" 2>"$directory/allotd$i.log" &
    pids="$! $pids"
    await "http://127.0.0.1:$((port + 6 + i))/readyz" "$!" "$directory/allotd$i.log"
    echo "cluster: allotd$i pid $! http://127.0.0.1:$((port + 6 + i)) log $directory/allotd$i.log"
done
echo "cluster: etcd at $endpoints"
echo "cluster: ready; Ctrl-C ends it"
wait
