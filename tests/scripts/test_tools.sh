#!/bin/sh
# allotd solve and allotd simulate as commands: what they print, and how they end.
set -eu
cd "$(dirname "$0")/../.."
ALLOTD=${ALLOTD:-build/allotd}
[ -x "$ALLOTD" ] || { echo "no $ALLOTD: run make" >&2; exit 1; }

tree=$(mktemp -d "${TMPDIR:-/tmp}/allot-tools.XXXXXX")
trap 'rm -rf "$tree"' EXIT

fail() {
    echo "test_tools: $*" >&2
    cat "$tree/output" >&2
    exit 1
}

# expect STATUS TEXT ARGUMENT...: with the instance on standard input.
expect() {
    wanted=$1
    text=$2
    shift 2
    status=0
    "$ALLOTD" "$@" <"$tree/instance" >"$tree/output" 2>&1 || status=$?
    [ "$status" -eq "$wanted" ] || fail "$*: exit status $status instead of $wanted"
    grep -q -F -- "$text" "$tree/output" || fail "$*: no '$text'"
}

cat >"$tree/instance" <<'JSON'
{"members": [
  {"zone": "a", "suffix": "1", "limit": 2, "exiting": false, "create_revision": 1},
  {"zone": "b", "suffix": "1", "limit": 2, "exiting": false, "create_revision": 2}],
 "items": [{"id": "x", "replication": 2}, {"id": "y", "replication": 3}],
 "assignments": [{"item": "x", "zone": "b", "suffix": "1", "slot": 3, "consistent": true}]}
JSON

expect 0 '"item_slots": 5, "member_slots": 4, "shed_capacity": [0, 0]' solve
expect 0 '["x", "a", "1"], ["x", "b", "1"], ["y", "a", "1"], ["y", "b", "1"]' solve --repeat 3 -
expect 0 '"unattainable": 1' solve --threads 2 --solver reference "$tree/instance"
expect 0 '"assigned": 4, "zone_excess": 0, "overflow": 0, "kept": 1' solve --certify
expect 0 '"assigned": 4, "zone_excess": 0, "overflow": 0, "kept": 1' solve --solver optimal
expect 1 'not proven best: there is no certificate' solve --certify --solver reference
expect 0 '"status": "idle"' simulate --solver reference
expect 2 'unknown option --certify' simulate --certify
expect 0 '"status": "idle"' simulate
expect 0 '"final": ["/root/assign/x#a#1#1", "/root/assign/x#b#1#0",' simulate --trace
expect 0 '"trace": [{"ops": ["PUT /root/assign/x#a#1#4"' simulate --trace
expect 0 '"status": "unfinished", "rounds": 1' simulate --max-rounds 1
expect 0 'usage: allotd solve' solve --help
expect 0 'usage: allotd simulate' simulate --help
expect 0 'usage: allotd simulate' simulate -h
expect 0 '"create_revision"' solve --help
expect 0 '"assigned": 4' solve --repeat=3 --solver=optimal --balance-tolerance=10
expect 0 '"overflow": 0' solve --certify --balance-tolerance 10
expect 0 '"status": "idle"' simulate --balance-tolerance 10
expect 2 '--balance-tolerance is for --solver optimal' solve --balance-tolerance 10 --solver reference
expect 2 '--balance-tolerance takes a number from 0 to 1000' simulate --balance-tolerance -1
expect 2 'unknown option --trace' solve --trace
expect 2 'unknown option --trace=1' simulate --trace=1
expect 2 'unknown option --repeats=3' solve --repeats=3
expect 2 'not nothing' solve --threads
expect 2 "$tree: line 1, column 1: cannot read the file: Is a directory" solve "$tree"
expect 2 'not optimistic' solve --solver optimistic
expect 2 '--repeat takes a number from 1' solve --repeat 0
expect 2 '--max-rounds takes a number from 1' simulate --max-rounds
expect 2 'one file only' solve "$tree/instance" "$tree/instance"
expect 2 'cannot open' solve "$tree/no-such-file"

echo '{"members": [], "items": [{"id": "x"}], "assignments": []}' >"$tree/instance"
expect 2 'standard input: line 1, column 27: "replication" is missing' solve
expect 2 "$tree/instance: line 1, column 27" simulate "$tree/instance"
: >"$tree/instance"
expect 2 'the text ends here' solve

# Output that can't be written is not a success.
echo '{"members": [], "items": [], "assignments": []}' >"$tree/instance"
status=0
"$ALLOTD" solve "$tree/instance" >/dev/full 2>"$tree/output" || status=$?
[ "$status" -eq 1 ] || fail "a full device: exit status $status instead of 1"
