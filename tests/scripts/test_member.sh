#!/bin/sh
# Members that allocate themselves, over one etcd and without a server: led by the oldest, they call
# a command for what they gain and lose, keep a server out, and leave once they are empty.
set -eu
cd "$(dirname "$0")/../.."
. tests/scripts/stage.sh

# start_member ZONE SUFFIX: sets pid. While $tree/hold is there, its command goes on
# losing "slow".
# shellcheck disable=SC2016 # expanded by the command's shell
command='echo "$ALLOT_EVENT $ALLOT_ITEM" >>$told
    [ "$ALLOT_EVENT $ALLOT_ITEM" != "lost slow" ] || while [ -e "$hold" ]; do sleep 0.05; done'
start_member() {
    told=$tree/$2.told hold=$tree/hold \
    "$ALLOTD" member --etcd-endpoints "$etcd_url" --root /t \
        --ttl-seconds 3 --zone "$1" --suffix "$2" --item-limit 4 \
        --on-assign "$command" 2>"$tree/$2.log" &
    pid=$!
    pids="$pids $pid"
}

# has_key TEXT: some key of the root has it.
has_key() {
    etcdctl get --prefix --keys-only /t/ | grep -q -- "$1"
}

# is_limit_and_exiting: of the fifth, as it stands.
is_limit_and_exiting() {
    etcdctl get --print-value-only '/t/members/zone-a#fifth' |
        jq -e '.item_limit == 6 and .exiting and .allocator'
}

# has_regained: the sixth has z, again.
has_regained() {
    [ "$(grep -c '^gained z$' "$tree/sixth.told")" -eq 2 ]
}

start_etcd
start_member zone-a first
first=$pid
until_true "the first is not announced" has_key '^/t/members/zone-a#first$'
etcdctl put /t/items/x '{"replication":1,"consistency":"reported"}' >/dev/null
until_true "the first did not hear of x" grep -q '^gained x$' "$tree/first.told"
start_member zone-b second
second=$pid
until_true "the second is not announced" has_key '^/t/members/zone-b#second$'

launch server --store etcd --etcd-endpoints "$etcd_url" --root /t
until_true "the server does not say why it keeps out" grep -q 'members that allocate themselves lead this root' \
    "$tree/server.log"
[ "$(curl -s -o /dev/null -w '%{http_code}' "$url/readyz")" = 503 ] || fail "the server is ready"
stop "$pid"
! grep -q '/t/schedulers/' "$tree/output" || fail "the server was announced"

kill "$first"
status=0
wait "$first" || status=$?
[ "$status" -eq 0 ] || fail "the first, drained, ends with $status"
grep -q '^lost x$' "$tree/first.told" || fail "the first did not hear that x is lost"
grep -q '^gained x$' "$tree/second.told" || fail "the second did not hear of x"
has_key '^/t/assign/x#zone-b#second#0$' || fail "x is not the second's"
! has_key '#first' || fail "something is left of the first"

# One that leads hands that on before its command has ended.
: >"$tree/hold"
etcdctl put /t/items/slow '{"replication":1}' >/dev/null
until_true "the second did not hear of slow" grep -q '^gained slow$' "$tree/second.told"
start_member zone-a third
third=$pid
until_true "the third is not announced" has_key '^/t/members/zone-a#third$'
kill "$second"
until_true "slow is not the third's" grep -q '^gained slow$' "$tree/third.told"
etcdctl put /t/items/y '{"replication":1}' >/dev/null
until_true "nothing is decided while the second waits for its command" \
    grep -q '^gained y$' "$tree/third.told"
kill -0 "$second" || fail "the second did not wait for its command"
rm "$tree/hold"
wait "$second" || fail "the second, drained, ends with status $?"
forget "$second"

# One that somebody else drains ends, too, and the next one leads.
start_member zone-b fourth
fourth=$pid
until_true "the fourth is not announced" has_key '^/t/members/zone-b#fourth$'
etcdctl put --ignore-lease '/t/members/zone-a#third' \
    '{"item_limit":4,"exiting":true,"allocator":true}' >/dev/null
wait "$third" || fail "the third, drained from outside, ends with status $?"
forget "$third"
grep -q 'msg=drained' "$tree/third.log" || fail "the third does not say why it ends"
etcdctl put /t/items/z '{"replication":1}' >/dev/null
until_true "nothing is decided after the third" grep -q '^gained z$' "$tree/fourth.told"

# One whose key somebody else has changed drains all the same, and keeps what was changed.
start_member zone-a fifth
fifth=$pid
until_true "the fifth is not announced" has_key '^/t/members/zone-a#fifth$'
etcdctl put --ignore-lease '/t/members/zone-a#fifth' \
    '{"item_limit":6,"exiting":false,"allocator":true}' >/dev/null
: >"$tree/hold"
kill "$fourth"
until_true "slow is not the fifth's" grep -q '^gained slow$' "$tree/fifth.told"
kill "$fifth"
until_true "the fifth does not tell that it is exiting" is_limit_and_exiting
rm "$tree/hold"
wait "$fourth" || fail "the fourth, drained, ends with status $?"
forget "$fourth"
kill -0 "$fifth" || fail "the fifth ends before its items are others'"
start_member zone-b sixth
sixth=$pid
wait "$fifth" || fail "the fifth, drained, ends with status $?"
forget "$fifth"
grep -q '^lost z$' "$tree/fifth.told" || fail "the fifth did not hear that z is lost"

# One that is cut off gives everything up, since others may have it by then; and gets it again.
until_true "z is not the sixth's" grep -q '^gained z$' "$tree/sixth.told"
kill -STOP "$etcd_pid"
until_true "the sixth does not give z up" grep -q '^lost z$' "$tree/sixth.told"
kill -CONT "$etcd_pid"
until_true "the sixth does not get z again" has_regained
grep -q 'msg="our lease may have ended' "$tree/sixth.log" || fail "the sixth does not say why"

# It ends as well when there is no etcd any more.
kill -STOP "$etcd_pid"
kill "$sixth"
wait "$sixth" || fail "the sixth ends with status $?"
forget "$sixth"
[ "$(grep -c '^lost z$' "$tree/sixth.told")" -eq 2 ] || fail "the sixth did not give z up once more"
kill -CONT "$etcd_pid"

# Where servers lead, it says so, and what to do, once.
start server --store etcd --etcd-endpoints "$etcd_url" --root /u
"$ALLOTD" member --etcd-endpoints "$etcd_url" --root /u --zone zone-a --suffix stray \
    --item-limit 4 --on-assign true 2>"$tree/stray.log" &
stray=$!
pids="$pids $stray"
until_true "the stray one does not say why it keeps out" grep 'servers lead this root' "$tree/stray.log"
put /v1/items/x '{"replication": 1}' >/dev/null || fail "the server does not serve"
[ "$(grep -c 'servers lead this root' "$tree/stray.log")" -eq 1 ] || fail "it says so over and over"

kill "$stray"
wait "$stray" || fail "one with nothing to drain ends with status $?"
grep -q 'msg="nothing to drain"' "$tree/stray.log" || fail "it does not say that it had nothing to drain"
