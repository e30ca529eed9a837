#!/bin/sh
# allotd history: what it does with the file of a history, and with what is none.
set -eu
cd "$(dirname "$0")/../.."
. tests/scripts/stage.sh

# expect STATUS TEXT ARGUMENT...
expect() {
    wanted=$1
    text=$2
    shift 2
    status=0
    "$ALLOTD" history "$@" >"$tree/output" 2>&1 || status=$?
    [ "$status" -eq "$wanted" ] || fail "$*: exit status $status instead of $wanted"
    grep -q -F -- "$text" "$tree/output" || fail "$*: no '$text'"
}

start server
curl -fsS -X PUT "$url/v1/items/one" --json '{"replication": 1}' >/dev/null
is_known() {
    shows /v1/items/one/history '.events | length == 1'
}
until_true "the history doesn't have the item" is_known
stop "$pid"
cp "$tree/server/history.db" "$tree/history.db"

# ---- what it does ----

expect 0 'version ' migrate "$tree/history.db"
expect 0 ': good: ' check "$tree/history.db"
expect 0 '"id":"one"' export "$tree/history.db"
expect 0 '"id":"one"' export --format ndjson "$tree/history.db"
expect 0 'revision,order,' export --format=csv "$tree/history.db"
expect 0 ' events removed' prune --max-days=1 --max-mib 7 "$tree/history.db"
used=$(stat -c %s "$tree/history.db")
expect 0 ", $used bytes" prune --max-days 1 "$tree/history.db"

# Room that somebody else has made, as the server does, or a prune that was cut short, is given back.
python3 - "$tree/history.db" <<'EOF'
import sqlite3, sys

database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("CREATE TABLE filler AS SELECT zeroblob(5000000) AS bytes")
database.execute("DROP TABLE filler")
database.close()
EOF
[ "$(stat -c %s "$tree/history.db")" -gt 5000000 ] || fail "there is no room to give back"
expect 0 ": 0 events removed; begins at revision 0, $used bytes" prune --max-days 1 "$tree/history.db"
[ "$(stat -c %s "$tree/history.db")" -eq "$used" ] || fail "room is not given back"

# ---- arguments ----

expect 2 '--format: "xml": expected ndjson or csv' export --format=xml "$tree/history.db"
expect 2 '--format: "": expected ndjson or csv' export --format= "$tree/history.db"
expect 2 '--from: "": expected a value' export --from
expect 2 '--to: "": expected a value' export "$tree/history.db" --to
expect 2 'check: "--bogus": expected one of its flags' check "$tree/history.db" --bogus
expect 2 'check: "-x": expected one of its flags' check -x
expect 2 '"--max-days": expected one of its flags' export --max-days=1 "$tree/history.db"
expect 2 'expected --max-days or --max-mib, or both' prune "$tree/history.db"
expect 2 'expected migrate, check, export or prune' chek "$tree/history.db"

# ---- what is no history: it is left alone, and nothing is left beside it ----

mkdir "$tree/none" "$tree/none/directory"
: >"$tree/none/empty"
echo text >"$tree/none/text"
what_there_is() {
    find "$tree/none" -printf '%P %s %T@\n' | sort
}
what_there_is >"$tree/before"
for action in migrate check export 'prune --max-days 1'; do
    # shellcheck disable=SC2086
    {
        expect 1 'missing: there is no such file' $action "$tree/none/missing"
        expect 1 'directory: is a directory or the like' $action "$tree/none/directory"
        expect 1 'none/empty: has nothing of a history' $action "$tree/none/empty"
        expect 1 'allotd: history: ' $action "$tree/none/text"
    }
done
what_there_is | diff "$tree/before" - || fail "something was changed, or made"

# ---- in a directory that can't be written ----

mount_disk fixed 10m
cp "$tree/server/history.db" "$tree/fixed/his%tory?.db"
cp "$tree/server/history.db" "$tree/fixed/logged.db"
: >"$tree/fixed/logged.db-wal"
$sudo mount -o remount,ro "$tree/fixed"
expect 0 ': good: ' check "$tree/fixed/his%tory?.db"
expect 0 '"id":"one"' export "$tree/fixed/his%tory?.db"
expect 1 'some of it is in a -wal beside it' check "$tree/fixed/logged.db"
expect 1 'Read-only file system' migrate "$tree/fixed/his%tory?.db"

# ---- where a server can't have one: it says so, and serves ----

launch homeless --history "$tree/no/such/history.db"
says() {
    shows /v1/cluster ".history.detail | contains(\"$1\")"
}
until_true "it isn't said why there is no history" \
    says "cannot make the directory $tree/no/such: No such file or directory"
stop "$pid"
echo "test_history_tools: good"
