#!/bin/sh
# The history of a server that is killed again and again, of one whose disk is full or can't be
# written, and of two over one etcd.
#
#   HISTORY_KILLS: how often the first is killed (20)
set -eu
cd "$(dirname "$0")/../.."
. tests/scripts/stage.sh

# history_is URL CONDITION, and has come to what the store has.
history_is() {
    url=$1
    revision=$(curl -fsS "$url/v1/cluster" | jq .revision)
    shows /v1/cluster \
        ".history.condition == \"$2\" and (\"$2\" != \"works\" or .history.revision >= $revision)"
}

compare() {
    python3 tests/scripts/compare_history.py "$@" || fail "the history is not right"
}

# ---- killed at random ----

kills=${HISTORY_KILLS:-20}
killed=0
while [ "$killed" -lt "$kills" ]; do
    start killed --ttl-seconds 2
    python3 tests/scripts/change_things.py "$url" "$killed" &
    changer=$!
    sleep "0.$(($(od -An -N1 -tu1 /dev/urandom) % 8 + 1))"
    crash "$pid"
    wait "$changer" || true
    compare store "$tree/killed/store.sqlite" "$tree/killed/history.db"
    killed=$((killed + 1))
done
start killed --ttl-seconds 2
until_true "the history does not catch up" history_is "$url" works
# What the history says of now is what the server says of now.
is_told_alike() {
    curl -fsS "$url/v1/assignments?limit=5000" >"$tree/now"
    curl -fsS "$url/v1/history/state?at=$(jq .revision "$tree/now")" >"$tree/state"
    jq -e --slurpfile now "$tree/now" \
        '.revision == $now[0].revision and .assignments == $now[0].items' "$tree/state"
}
until_true "the state differs" is_told_alike
stop "$pid"
compare store "$tree/killed/store.sqlite" "$tree/killed/history.db" whole
"$ALLOTD" history check "$tree/killed/history.db" || fail "the history has not been told right"
"$ALLOTD" history export "$tree/killed/history.db" >"$tree/events"
[ "$(wc -l <"$tree/events")" -gt "$kills" ] || fail "no events"
jq -se 'any(.[]; .kind == "member" and .zone == "leased" and .after.item_limit == 20)' \
    "$tree/events" >/dev/null || fail "no member"
! grep -q -e session -e of-sixteen "$tree/events" || fail "a secret is shown"

# ---- no room ----

mount_disk small 1600k
start full --history "$tree/small/history.db"
python3 tests/scripts/change_things.py "$url" 1 2000
until_true "a full disk is not told of" history_is "$url" fails
warns_of_history='.warnings | any(startswith("the history can"))'
shows /v1/cluster "$warns_of_history" >"$tree/output" || fail "no warning"
curl -fsS "$url/readyz" >/dev/null || fail "not ready, for want of a history"
curl -fsS -X PUT "$url/v1/members/zone-0/m0" --json '{"item_limit": 100}' >/dev/null
curl -fsS -X PUT "$url/v1/items/full" --json '{"replication": 1}' >/dev/null
is_assigned() {
    shows /v1/items/full/assignments '.items | length == 1'
}
until_true "nothing is assigned" is_assigned
# What came before the disk was full can be read; what is missing is told of, and why.
curl -fsS "$url/v1/history?limit=1" >/dev/null || fail "not to be read, for want of room"
refuses() {
    [ "$(curl -sS -o "$tree/refused" -w '%{http_code}' "$url/$1")" = 503 ] &&
        jq -e --arg reason "$2" '.detail | contains($reason)' "$tree/refused"
}
refuses "v1/history?min_revision=$(curl -fsS "$url/v1/cluster" | jq .revision)" fails ||
    fail "it isn't said why the history is behind"
$sudo mount -o remount,size=100m "$tree/small"
until_true "the history does not catch up" history_is "$url" works
shows /v1/cluster "$warns_of_history | not" >"$tree/output" || fail "still a warning"

stop "$pid"
compare store "$tree/full/store.sqlite" "$tree/small/history.db" whole
"$ALLOTD" history check "$tree/small/history.db" || fail "the history has not been told right"

# ---- not to be written ----

$sudo mount -o remount,ro "$tree/small"
start full --history "$tree/small/history.db"
python3 tests/scripts/change_things.py "$url" 3 200
until_true "a read-only disk is not told of" history_is "$url" fails
refuses v1/history Read-only || fail "it isn't said why the history can't be read"
$sudo mount -o remount,rw "$tree/small"
until_true "the history does not catch up a third time" history_is "$url" works
stop "$pid"
compare store "$tree/full/store.sqlite" "$tree/small/history.db" whole

# ---- two over one etcd ----

start_etcd
start first --store etcd --etcd-endpoints "$etcd_url"
other_pid=$pid other=$url
start second --store etcd --etcd-endpoints "$etcd_url"
python3 tests/scripts/change_things.py "$url" 4 150 &
changer=$!
python3 tests/scripts/change_things.py "$other" 5 150
wait "$changer"
is_settled() {
    shows /v1/cluster '.allocator.pending.add == 0 and .allocator.pending.remove == 0'
}
until_true "the cluster does not settle" is_settled
# Both to the same revision, with nothing after it: the one that leads goes last.
until_true "the second's history is behind" history_is "$url" works
until_true "the first's history is behind" history_is "$other" works
crash "$pid" "$other_pid"
compare same "$tree/first/history.db" "$tree/second/history.db"
for one in first second; do
    "$ALLOTD" history check "$tree/$one/history.db" || fail "the history has not been told right"
done
echo "test_history: good"
