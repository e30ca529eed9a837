#!/bin/sh
# A client whose watch is cut at random, under many changes, misses nothing and sees nothing twice;
# and a server that is asked to end lets those who watch go at once.
set -eu
cd "$(dirname "$0")/../.."
allotd=$PWD/${ALLOTD:-build/allotd}

work=$(mktemp -d "${TMPDIR:-/tmp}/allot-watch.XXXXXX")
server=
watcher=
finish() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    [ -z "$watcher" ] || kill "$watcher" 2>/dev/null || true
    wait
    rm -rf "$work"
}
trap finish EXIT

fail() {
    echo "test_watch: $*" >&2
    tail -n 50 "$work/log" >&2
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

seed=${SEED:-1}
python3 tests/scripts/watch_changes.py 127.0.0.1 "$port" "$seed" || fail "seed $seed"

# What is long past is told to be so, and what is yet to come isn't waited for.
status=$(curl -sS -o "$work/answer" -w '%{http_code}' "http://127.0.0.1:$port/v1/watch?from=0")
[ "$status" = 410 ] || fail "$status, not 410: $(cat "$work/answer")"
status=$(curl -sS -o "$work/answer" -w '%{http_code}' "http://127.0.0.1:$port/v1/watch?from=99999999")
[ "$status" = 503 ] || fail "$status, not 503: $(cat "$work/answer")"

curl -sSN "http://127.0.0.1:$port/v1/watch" >"$work/told" 2>&1 &
watcher=$!
tries=0
until grep -q bookmark "$work/told"; do
    tries=$((tries + 1))
    [ "$tries" -lt 600 ] || fail "no bookmark"
    sleep 0.05
done
kill "$server"
wait "$server" || fail "allotd left with status $?"
server=
wait "$watcher" || fail "the watch has not ended as it should: curl says $?"
watcher=
