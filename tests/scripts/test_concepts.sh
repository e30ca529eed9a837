#!/bin/sh
# The commands of docs/concepts.md, run one after the other against an empty allotd, print what stands
# below them: in the end, for what is decided takes a moment. In a block that says that it varies,
# numbers, times and instances may be others.
set -eu
cd "$(dirname "$0")/../.."
allotd=$PWD/${ALLOTD:-build/allotd}

work=$(mktemp -d "${TMPDIR:-/tmp}/allot-concepts.XXXXXX")
server=
finish() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    wait
    rm -rf "$work"
}
trap finish EXIT

fail() {
    echo "test_concepts: $*" >&2
    cat "$work/log" >&2
    exit 1
}

# Writes the blocks to files NN-sh, NN-json and NN-varies, numbered in their order.
awk -v work="$work" '
    /^<!-- commands/ { inside = 1 }
    /^<!-- end of the commands/ { inside = 0 }
    inside && /^```$/ { kind = "" }
    kind { print > (work "/" sprintf("%02d", count) "-" kind) }
    inside && /^```(sh|json|json varies)$/ { count++; kind = $2 ? $2 : substr($1, 4) }
' docs/concepts.md
[ "$(find "$work" -name '*-json' -o -name '*-varies' | wc -l)" -gt 10 ] || {
    echo "test_concepts: docs/concepts.md has not the blocks that this test knows" >&2
    exit 1
}

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
# shellcheck disable=SC2034 # the blocks use it
ALLOT="http://127.0.0.1:$port"

# normalise KIND: JSON values from standard input, such that equal ones are equal texts.
normalise() {
    jq -cS --arg kind "$1" 'if $kind == "varies" then walk(
        if type == "number" then 0
        elif type == "string" and test("^[0-9a-f]{16}$") then "instance"
        else . end) else . end'
}

commands=
for block in "$work"/*-sh "$work"/*-json "$work"/*-varies; do
    echo "$block"
done | sort >"$work/blocks"
while read -r block; do
    kind=${block##*-}
    if [ "$kind" = sh ]; then
        # shellcheck source=/dev/null
        . "$block" >"$work/output" </dev/null || fail "failed: $(cat "$block")"
        commands=$block
        continue
    fi
    normalise "$kind" <"$block" >"$work/expected"
    tries=0
    until normalise "$kind" <"$work/output" >"$work/seen" && cmp -s "$work/expected" "$work/seen"; do
        tries=$((tries + 1))
        [ "$tries" -lt 300 ] || fail "$(cat "$commands") prints: $(cat "$work/seen")"
        sleep 0.1
        # shellcheck source=/dev/null
        . "$commands" >"$work/output" </dev/null || fail "failed again: $(cat "$commands")"
    done
done <"$work/blocks"

kill "$server"
wait "$server" || fail "allotd left with status $?"
server=
