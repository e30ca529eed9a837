#!/bin/sh
# The README's quick start does what the README says: its blocks are run, in order and in one shell,
# against an allotd of our own; what they lead to is checked in between.
set -eu
cd "$(dirname "$0")/../.."
allotd=$PWD/${ALLOTD:-build/allotd}

work=$(mktemp -d "${TMPDIR:-/tmp}/allot-readme.XXXXXX")
server=
finish() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    wait
    rm -rf "$work"
}
trap finish EXIT

fail() {
    echo "$*" >&2
    echo "--- what the commands printed:" >&2
    cat "$work/output" >&2
    echo "--- what allotd logged:" >&2
    cat "$work/log" >&2
    exit 1
}

# start: starts allotd, and sets server and ALLOT.
start() {
    : >"$work/log"
    "$allotd" serve --listen 127.0.0.1:0 --data-dir "$work/data" 2>"$work/log" &
    server=$!
    port=
    for _ in $(seq 600); do
        port=$(sed -n 's/.*127\.0\.0\.1:\([0-9][0-9]*\).*/\1/p' "$work/log" | head -n 1)
        [ -z "$port" ] || break
        kill -0 "$server" 2>/dev/null || fail "allotd did not start"
        sleep 0.05
    done
    [ -n "$port" ] || fail "allotd does not say where it listens"
    ALLOT=http://127.0.0.1:$port
}

# get PATH: the resource, or nothing.
get() {
    curl -sS --fail "$ALLOT$1" 2>/dev/null || true
}

# eventually WHAT PATH FILTER: within thirty seconds the resource is as the jq filter says.
eventually() {
    for _ in $(seq 600); do
        get "$2" >"$work/shown"
        if [ -s "$work/shown" ] && jq -e "$3" "$work/shown" >/dev/null 2>&1; then
            return
        fi
        sleep 0.05
    done
    get "$2" >>"$work/output"
    fail "never seen: $1"
}

# Writes the n-th block of the quick start to the file block-n.
awk -v work="$work" '
    /^<!-- quick start/ { inside = 1 }
    /^<!-- end of the quick start/ { inside = 0 }
    inside && /^```$/ { block = 0 }
    block { print > (work "/block-" count) }
    inside && /^```sh$/ { block = 1; count++ }
' README.md
[ "$(find "$work" -name 'block-*' | wc -l)" -eq 7 ] || {
    echo "the quick start has not the blocks that this test knows" >&2
    exit 1
}

# block NUMBER: runs it as a reader does, and stops where one of its commands fails.
: >"$work/output"
block() {
    # shellcheck source=/dev/null
    . "$work/block-$1" >>"$work/output" 2>&1 || fail "block $1 of the quick start failed"
}

start
eventually "readiness" /readyz 'true'
block 1
block 2
for item in alpha beta gamma delta; do
    eventually "$item with a replica in either zone" "/v1/items/$item/assignments" \
        '[.items[].zone] | sort == ["zone-a", "zone-b"]'
done
eventually "three has one replica of each item" /v1/members/zone-b/three/assignments \
    '[.items[].item] | sort == ["alpha", "beta", "delta", "gamma"]'
block 3
block 4
eventually "one is empty" /v1/members/zone-a/one/assignments '.items == []'
eventually "two holds what one held" /v1/members/zone-a/two/assignments '.items | length == 4'
block 5
eventually "one is back" /v1/members/zone-a/one/assignments '.items | length > 0'
block 6
eventually "four holds something" /v1/members/zone-b/four/assignments '.items | length > 0'
block 7
eventually "four is gone" /v1/members '[.items[].suffix] | sort == ["one", "three", "two"]'
eventually "its items are with three" /v1/members/zone-b/three/assignments '.items | length == 4'

before=$(get /v1/assignments | jq -S '[.items[] | {item, zone, suffix}]')
[ -n "$before" ] || fail "no assignments to compare"
kill -9 "$server"
wait "$server" 2>/dev/null || true
start
eventually "readiness after a crash" /readyz 'true'
after=$(get /v1/assignments | jq -S '[.items[] | {item, zone, suffix}]')
[ "$before" = "$after" ] || fail "before the crash: $before; after: $after"

kill "$server"
wait "$server" || fail "allotd left with status $?"
server=
