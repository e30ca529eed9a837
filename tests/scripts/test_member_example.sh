#!/bin/sh
# Three members as in examples/member.sh: they take what they are assigned; one that is asked to end
# drains and leaves; what one that is killed has held goes to the last.
set -eu
cd "$(dirname "$0")/../.."
allotd=$PWD/${ALLOTD:-build/allotd}

work=$(mktemp -d "${TMPDIR:-/tmp}/allot-example.XXXXXX")
server=
groups=
finish() {
    for group in $groups; do
        kill -9 "-$group" 2>/dev/null || true
    done
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    wait
    rm -rf "$work"
}
trap finish EXIT

fail() {
    echo "test_member_example: $*" >&2
    tail -n 50 "$work"/*.out "$work/log" >&2
    curl -sS "$ALLOT/v1/assignments" >&2 || true
    exit 1
}

# until_true WHAT COMMAND...: tries for a minute.
until_true() {
    what=$1
    shift
    tries=0
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ "$tries" -lt 600 ] || fail "$what"
        sleep 0.1
    done
}

# shows PATH FILTER: the resource is as the jq filter says.
shows() {
    curl -fsS "$ALLOT$1" | jq -e "$2"
}

ALLOT=
"$allotd" serve --listen 127.0.0.1:0 --data-dir "$work/data" 2>"$work/log" &
server=$!
listens() {
    port=$(sed -n 's/.*127\.0\.0\.1:\([0-9][0-9]*\).*/\1/p' "$work/log" | head -n 1)
    ALLOT=http://127.0.0.1:$port
    [ -n "$port" ] && curl -fs "$ALLOT/readyz"
}
until_true "allotd isn't ready" listens

# Each in a group of its own, so that it can be killed along with its heartbeats.
for name in one two three; do
    setsid examples/member.sh "$ALLOT" "zone-$name" "$name" >"$work/$name.out" 2>&1 &
    eval "$name=$!"
    groups="$groups $!"
done
until_true "the members don't register" shows /v1/members '.items | length == 3'
for item in a b c d e f%2Fg; do
    curl -fsS -o /dev/null -X PUT "$ALLOT/v1/items/$item" \
        --json '{"replication": 2, "consistency": "reported"}'
done
healthy='[.items[].status.state] == ["healthy", "healthy", "healthy", "healthy", "healthy", "healthy"]'
until_true "the items don't get healthy" shows /v1/items "$healthy"

# shellcheck disable=SC2154 # set by eval
kill -TERM "$one"
wait "$one" || fail "the member that was asked to end left with status $?"
until_true "it has not left" shows /v1/members '[.items[].suffix] == ["three", "two"]'
until_true "what it held is not others'" shows /v1/items "$healthy"

# shellcheck disable=SC2154
kill -9 "-$two"
until_true "the killed member is still there" shows /v1/members '[.items[].suffix] == ["three"]'
until_true "the last one doesn't have everything" shows /v1/members/zone-three/three/assignments \
    '(.items | length == 6) and ([.items[].primary] | all)'
# shellcheck disable=SC2154
kill -9 "-$three"

kill "$server"
wait "$server" || fail "allotd left with status $?"
server=
