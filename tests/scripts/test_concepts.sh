#!/bin/sh
# The commands of docs/concepts.md, run one after the other against an empty allotd, print what stands
# below them: in the end, for what is decided takes a moment. In a block that says that it varies,
# numbers and instances may be others.
set -eu
cd "$(dirname "$0")/../.."
. tests/scripts/stage.sh

# The blocks, as files NN-sh, NN-json and NN-varies, numbered in their order.
mkdir "$tree/blocks"
awk -v folder="$tree/blocks" '
    /^<!-- commands/ { inside = 1 }
    /^<!-- end of the commands/ { inside = 0 }
    inside && /^```$/ { kind = "" }
    kind { print > (folder "/" sprintf("%02d", count) "-" kind) }
    inside && /^```(sh|json|json varies)$/ { count++; kind = $2 ? $2 : substr($1, 4) }
' docs/concepts.md
[ "$(find "$tree/blocks" -name '*-json' -o -name '*-varies' | wc -l)" -gt 10 ] ||
    fail "docs/concepts.md has not the blocks that this test knows"

# normalise KIND FILE: the JSON values in it, such that equal ones are equal texts.
normalise() {
    jq -cS --arg kind "$1" 'if $kind == "varies" then walk(
        if type == "number" then 0
        elif type == "string" and test("^[0-9a-f]{16}$") then "instance"
        else . end) else . end' "$2"
}

# run: the commands last seen, which print to $tree/printed.
run() {
    # shellcheck source=/dev/null
    . "$commands" >"$tree/printed" </dev/null || fail "failed: $(cat "$commands")"
}

# prints KIND BLOCK: whether they have printed that; if not they are run again.
prints() {
    normalise "$1" "$2" >"$tree/expected"
    normalise "$1" "$tree/printed" | diff "$tree/expected" - || {
        run
        return 1
    }
}

start server
# shellcheck disable=SC2034 # the blocks use it
ALLOT=$url
for block in "$tree"/blocks/*; do
    kind=${block##*-}
    if [ "$kind" = sh ]; then
        commands=$block
        run
    else
        until_true "not printed (>) by $(cat "$commands")" prints "$kind" "$block"
    fi
done
stop "$pid"
