#!/bin/sh
# Somebody who has read nothing but /openapi.json uses every operation in it, with its own examples;
# what comes back is valid by its schemas.
set -eu
cd "$(dirname "$0")/../.."
ALLOTD=${ALLOTD:-build/allotd}
[ -x "$ALLOTD" ] || { echo "no $ALLOTD: run make" >&2; exit 1; }

tree=$(mktemp -d "${TMPDIR:-/tmp}/allot-openapi.XXXXXX")
pid=
clean_up() {
    [ -z "$pid" ] || kill -9 "$pid" 2>/dev/null || true
    rm -rf "$tree"
}
trap clean_up EXIT

fail() {
    echo "test_openapi: $*" >&2
    cat "$tree/log" >&2
    exit 1
}

"$ALLOTD" serve --listen 127.0.0.1:0 --data-dir "$tree/data" >"$tree/log" 2>&1 &
pid=$!
tries=0
until port=$(sed -n 's/.*listening.*127\.0\.0\.1:\([0-9]*\).*/\1/p' "$tree/log") && [ -n "$port" ] &&
    curl -fs -o /dev/null "http://127.0.0.1:$port/readyz"; do
    kill -0 "$pid" 2>/dev/null || fail "allotd has ended"
    tries=$((tries + 1))
    [ "$tries" -lt 600 ] || fail "allotd isn't ready"
    sleep 0.05
done

python3 -W ignore tests/scripts/use_openapi.py "http://127.0.0.1:$port" || fail "see above"
kill "$pid"
wait "$pid" || fail "allotd ended with $?"
pid=
