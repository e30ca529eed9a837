#!/bin/sh
# A client whose watch is cut at random, under many changes, misses nothing and sees nothing twice;
# and a server that is asked to end lets those who watch go at once.
set -eu
cd "$(dirname "$0")/../.."
. tests/scripts/stage.sh

start server
seed=${SEED:-1}
python3 tests/scripts/watch_changes.py 127.0.0.1 "${url##*:}" "$seed" || fail "seed $seed"

# What is long past is told to be so, and what is yet to come isn't waited for.
status=$(curl -sS -o "$tree/answer" -w '%{http_code}' "$url/v1/watch?from=0")
[ "$status" = 410 ] || fail "$status, not 410: $(cat "$tree/answer")"
status=$(curl -sS -o "$tree/answer" -w '%{http_code}' "$url/v1/watch?from=99999999")
[ "$status" = 503 ] || fail "$status, not 503: $(cat "$tree/answer")"

curl -sSN "$url/v1/watch" >"$tree/told" 2>&1 &
watcher=$!
pids="$pids $watcher"
until_true "no bookmark" grep -q bookmark "$tree/told"
stop "$pid"
wait "$watcher" || fail "the watch has not ended as it should: curl says $?"
