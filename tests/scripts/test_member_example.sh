#!/bin/sh
# Three members as in examples/member.sh: they take what they are assigned; one that is asked to end
# drains and leaves; what one that is killed has held goes to the last.
set -eu
cd "$(dirname "$0")/../.."
. tests/scripts/stage.sh

groups=
finish() {
    for group in $groups; do
        kill -9 "-$group" 2>/dev/null || true
    done
    end_stage
}
trap finish EXIT

start server

# Each in a group of its own, so that it can be killed along with its heartbeats.
for name in one two three; do
    setsid examples/member.sh "$url" "zone-$name" "$name" >"$tree/$name.log" 2>&1 &
    eval "$name=$!"
    groups="$groups $!"
done
until_true "the members don't register" shows /v1/members '.items | length == 3'
for item in a b c d e f%2Fg; do
    curl -fsS -o /dev/null -X PUT "$url/v1/items/$item" \
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

stop "$pid"
