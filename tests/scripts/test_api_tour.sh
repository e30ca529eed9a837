#!/bin/sh
# The commands of docs/api.md work as they stand, one after the other in one shell, against an empty
# allotd; and a plan that was applied has come true.
set -eu
cd "$(dirname "$0")/../.."
. tests/scripts/stage.sh

awk '/^<!-- commands/ { inside = 1 }
     /^<!-- end of the commands/ { inside = 0 }
     inside && /^```$/ { block = 0 }
     block
     inside && /^```sh$/ { block = 1 }' docs/api.md >"$tree/tour"
[ "$(wc -l <"$tree/tour")" -gt 50 ] || { echo "the tour has no commands" >&2; exit 1; }

start server
(cd "$tree" && ALLOT="$url" sh -eu ./tour) >"$tree/output" 2>&1 ||
    fail "a command of the tour failed"
curl -fsS "$url/v1/items" |
    jq -e '[.items[].id] == ["orders/1", "orders/2", "orders/5"]' >/dev/null ||
    fail "the tour has not left the items that it should"

stop "$pid"
