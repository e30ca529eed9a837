#!/bin/sh
# The README's quick start, as it stands there, against a real allotd on a free port.
set -eu
cd "$(dirname "$0")/../.."
ALLOTD=${ALLOTD:-build/allotd}
[ -x "$ALLOTD" ] || { echo "no $ALLOTD: run make" >&2; exit 1; }

tree=$(mktemp -d "${TMPDIR:-/tmp}/allot-readme.XXXXXX")
pid=
trap '[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null || true; rm -rf "$tree"' EXIT

fail() {
    echo "test_readme: $*" >&2
    cat "$tree"/log "$tree"/output >&2
    exit 1
}

# wait_until COMMAND...: for at most 30 s.
wait_until() {
    tries=0
    until "$@"; do
        tries=$((tries + 1))
        [ "$tries" -lt 600 ] || fail "not in time: $*"
        sleep 0.05
    done
}

start() {
    : >"$tree/log"
    "$ALLOTD" serve --data-dir "$tree/data" --listen 127.0.0.1:0 2>"$tree/log" &
    pid=$!
    wait_until grep -q 'msg=listening' "$tree/log"
    ALLOT=http://$(sed -n 's/.*msg=listening address=\([^ ]*\) .*/\1/p' "$tree/log")
    export ALLOT
    wait_until curl -fs -o "$tree/output" "$ALLOT/readyz"
}

# shows PATH TEXT: whether the answer has it.
shows() {
    curl -sS "$ALLOT$1" >"$tree/output" && grep -q -- "$2" "$tree/output"
}

# The blocks between the quick start's marks, one script.
# shellcheck disable=SC2016
sed -n '/<!-- quick start/,/<!-- end of the quick start/p' README.md |
    sed -n '/^```sh$/,/^```$/p' | grep -v '^```' >"$tree/quick_start"
commands=$(grep -c curl "$tree/quick_start")
[ "$commands" -ge 10 ] || fail "only $commands commands found in the README"

start
sh -eu "$tree/quick_start" >"$tree/output" 2>&1 || fail "a command of the quick start failed"

# What the README says that it has come to.
wait_until shows /v1/cluster '"assignments":8,'
wait_until shows /v1/members/zone-b/four 'no such member'
wait_until shows /v1/cluster '"healthy":4,'

# "Now kill allotd and start it again: everything is still there."
kill -9 "$pid"
wait "$pid" || true
start
shows /v1/cluster '"assignments":8,' || fail "assignments were lost"
shows /v1/items/alpha '"replication":2' || fail "an item was lost"

kill "$pid"
wait "$pid" || fail "allotd did not end cleanly"
pid=
