#!/bin/sh
# Three members as in examples/member.sh: they take what they are assigned; one that is asked to end
# drains and leaves; what one that is killed has held goes to the last. That one, asked to end, drains
# whatever happens meanwhile.
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

# register NAME...: each in a group of its own, so that it can be killed along with its heartbeats.
register() {
    for name; do
        setsid examples/member.sh "$url" "zone-$name" "$name" >"$tree/$name.log" 2>&1 &
        eval "$name=$!"
        groups="$groups $!"
    done
}
register one two three
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
curl -fsS "$url/metrics" | grep '^allot_http_requests_total' >"$tree/output"
! grep 'code="400"' "$tree/output" || fail "members make requests that can't be understood"

# asked to end while the server is away: it drains once that is back, also when it had to register anew
at=${url#http://}
crash "$pid"
# shellcheck disable=SC2154
kill -TERM "$three"
sleep 2 # it tries in vain
start server --listen "$at"
until_true "the last one doesn't drain" shows /v1/members '.items[0].exiting'
kill -STOP "-$three"
until_true "its lease doesn't end" shows /v1/members '.items == []'
kill -CONT "-$three"
until_true "it isn't registered anew, and draining" shows /v1/members '.items[0].exiting'
register four five
wait "$three" || fail "the last one left with status $?"
until_true "what it held is not the new ones'" shows /v1/items "$healthy"
until_true "it has not left" shows /v1/members '[.items[].suffix] == ["five", "four"]'

stop "$pid"
