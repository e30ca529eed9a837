#!/bin/sh
# The commands of docs/api.md work as they stand, one after the other in one shell, against an empty
# allotd; and a plan that was applied has come true.
set -eu
cd "$(dirname "$0")/../.."
allotd=$PWD/${ALLOTD:-build/allotd}

work=$(mktemp -d "${TMPDIR:-/tmp}/allot-tour.XXXXXX")
server=
finish() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    wait
    rm -rf "$work"
}
trap finish EXIT

fail() {
    echo "test_api_tour: $*" >&2
    cat "$work/output" "$work/log" >&2
    exit 1
}

awk '/^<!-- commands/ { inside = 1 }
     /^<!-- end of the commands/ { inside = 0 }
     inside && /^```$/ { block = 0 }
     block
     inside && /^```sh$/ { block = 1 }' docs/api.md >"$work/tour"
[ "$(wc -l <"$work/tour")" -gt 50 ] || { echo "the tour has no commands" >&2; exit 1; }

"$allotd" serve --listen 127.0.0.1:0 --data-dir "$work/data" 2>"$work/log" &
server=$!
: >"$work/output"
tries=0
until port=$(sed -n 's/.*127\.0\.0\.1:\([0-9][0-9]*\).*/\1/p' "$work/log" | head -n 1) && [ -n "$port" ] &&
    curl -fs -o /dev/null "http://127.0.0.1:$port/readyz"; do
    kill -0 "$server" 2>/dev/null || fail "allotd has ended"
    tries=$((tries + 1))
    [ "$tries" -lt 600 ] || fail "allotd isn't ready"
    sleep 0.05
done

(cd "$work" && ALLOT="http://127.0.0.1:$port" sh -eu ./tour) >"$work/output" 2>&1 ||
    fail "a command of the tour failed"
curl -fsS "http://127.0.0.1:$port/v1/items" |
    jq -e '[.items[].id] == ["orders/1", "orders/2", "orders/5"]' >/dev/null ||
    fail "the tour has not left the items that it should"

kill "$server"
wait "$server" || fail "allotd left with status $?"
server=
