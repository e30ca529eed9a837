# shellcheck shell=sh
# What scripts here that run an allotd, or an etcd, have in common. They begin, at the top of the
# repository, with
#
#     . tests/scripts/stage.sh
#
# and then have ALLOTD, the binary; $tree, a directory of their own, which goes when they end; and
# what follows. Processes in $pids are ended with the script, however it ends, and disks unmounted.
case ${ALLOTD:=build/allotd} in
/*) ;;
*) ALLOTD=$PWD/$ALLOTD ;;
esac
[ -x "$ALLOTD" ] || { echo "no $ALLOTD: run make" >&2; exit 1; }

script=$(basename "$0" .sh)
tree=$(mktemp -d "${TMPDIR:-/tmp}/allot-$script.XXXXXX")
pids=
disks=
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
end_stage() {
    for process in $pids; do
        kill -9 "$process" 2>/dev/null || true
    done
    for disk in $disks; do
        $sudo umount --lazy "$disk" 2>/dev/null || true
    done
    wait
    rm -rf "$tree"
}
trap end_stage EXIT

# mount_disk NAME SIZE: a disk of its own in $tree/NAME, until the script ends.
mount_disk() {
    mkdir -p "$tree/$1"
    disks="$disks $tree/$1"
    $sudo mount -t tmpfs -o "size=$2,mode=0777" none "$tree/$1"
}

# fail WHAT: shows the last that was logged and printed, says so, and ends the script. It is heard even
# where the output of its caller goes elsewhere.
exec 9>&2
fail() {
    for file in "$tree"/*.log "$tree/output"; do
        [ ! -e "$file" ] || tail -n 50 "$file" | sed "s,^,$(basename "$file"): ," >&9
    done
    echo "$script: $*" >&9
    exit 1
}

# until_true WHAT COMMAND...: for half a minute; what it prints is in $tree/output.
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

# launch NAME FLAG...: `allotd serve` with its data and its log in $tree/NAME and $tree/NAME.log.
# Sets pid, and url once it listens.
launch() {
    name=$1
    shift
    : >"$tree/$name.log"
    "$ALLOTD" serve --listen 127.0.0.1:0 --data-dir "$tree/$name" "$@" 2>"$tree/$name.log" &
    pid=$!
    pids="$pids $pid"
    until_true "$name does not listen" listens "$name" "$pid"
    url=http://$(sed -n 's/.*msg=listening address=\([^ ]*\) .*/\1/p' "$tree/$name.log")
}
listens() {
    kill -0 "$2" 2>/dev/null || fail "$1 has ended"
    grep msg=listening "$tree/$1.log"
}

# start NAME FLAG...: the same, and waits until it is ready.
start() {
    launch "$@"
    until_true "$name is not ready" curl -fsS "$url/readyz"
}

# stop PID: it is to end well.
stop() {
    kill "$1"
    wait "$1" || fail "it ended with status $?"
    forget "$1"
}

# crash PID...: they have no chance to.
crash() {
    kill -9 "$@"
    for crashed in "$@"; do
        wait "$crashed" 2>/dev/null || true
        forget "$crashed"
    done
}

# forget PID: it is no more.
forget() {
    left=
    for process in $pids; do
        [ "$process" = "$1" ] || left="$left $process"
    done
    pids=$left
}

# shows PATH FILTER [FLAG...]: what $url serves there, to a curl with these flags, is as the jq filter
# says. (To jq 1.6 no input at all is as it says.)
shows() {
    path=$1
    filter=$2
    shift 2
    curl -fsS -o "$tree/shown" "$@" "$url$path" && jq -e "$filter" "$tree/shown"
}

# put PATH JSON
put() {
    curl -sS --fail-with-body -X PUT "$url$1" --json "$2"
}

# start_etcd: one on loopback with its data in $tree/etcd, which it may have already. Sets etcd_pid,
# and etcd_url, whose port is a guess, outside of those that the system gives to clients, so that it can
# be started there again: another one if it is taken.
start_etcd() {
    attempt=0
    : "${etcd_port:=$((20000 + $$ % 12000))}"
    until try_etcd; do
        attempt=$((attempt + 1))
        [ "$attempt" -lt 5 ] || fail "etcd does not start"
        [ -e "$tree/etcd.once" ] || rm -rf "$tree/etcd"
        etcd_port=$((etcd_port + 7))
    done
    : >"$tree/etcd.once"
}
try_etcd() {
    etcd_url=http://127.0.0.1:$etcd_port
    peer_url=http://127.0.0.1:$((etcd_port + 1))
    etcd --name test --data-dir "$tree/etcd" --logger zap --log-level error \
        --heartbeat-interval 20 --election-timeout 200 \
        --listen-peer-urls "$peer_url" --initial-advertise-peer-urls "$peer_url" \
        --initial-cluster "test=$peer_url" \
        --listen-client-urls "$etcd_url" --advertise-client-urls "$etcd_url" \
        >>"$tree/etcd.log" 2>&1 &
    etcd_pid=$!
    pids="$pids $etcd_pid"
    tries=0
    until curl -fs -o /dev/null "$etcd_url/health"; do
        kill -0 "$etcd_pid" 2>/dev/null || return 1
        tries=$((tries + 1))
        [ "$tries" -lt 600 ] || return 1
        sleep 0.05
    done
}

etcdctl() {
    ETCDCTL_API=3 command etcdctl --endpoints "$etcd_url" "$@"
}
