#!/bin/sh
# Snapshots: saved from servers that run, on either store, and restored into the other; what was
# restored decides as before and moves nothing; and a restore that is killed leaves no half of it.
set -eu
cd "$(dirname "$0")/../.."
. tests/scripts/stage.sh

snapshot() {
    "$ALLOTD" snapshot "$@"
}

# refused STATUS TEXT ARGUMENT...
refused() {
    wanted=$1
    text=$2
    shift 2
    status=0
    snapshot "$@" >"$tree/output" 2>&1 || status=$?
    [ "$status" -eq "$wanted" ] || fail "$*: exit status $status instead of $wanted"
    grep -q -- "$text" "$tree/output" || fail "$*: doesn't say: $text"
}

# What decides, and what came of it: all but revisions.
assignments() {
    curl -fsS "$url/v1/assignments" |
        jq -S '[.items[] | {item, zone, suffix, slot, primary, consistent, value}]'
}
members() {
    curl -fsS "$url/v1/members" |
        jq -S '[.items[] | {zone, suffix, item_limit, exiting, ttl_seconds, labels}]'
}

# unmoved NAME: the server decides, and all is as it was in the first one.
unmoved() {
    until_true "$1 does not decide" shows /v1/history/rounds '.rounds | length > 0'
    shows /v1/history/rounds 'all(.rounds[]; .additions + .removals + .moves + .packings == 0)' \
        >"$tree/output" || fail "$1 moves something"
    members >"$tree/members.now"
    cmp "$tree/members" "$tree/members.now" || fail "$1 has other members"
    assignments >"$tree/assignments.now"
    cmp "$tree/assignments" "$tree/assignments.now" || fail "$1 has other assignments"
}

# --- from an embedded store, while it runs ---

start embedded
first=$pid
session=0123456789abcdef
put /v1/members/a/kept "{\"item_limit\": 20, \"ttl_seconds\": 600, \"session\": \"$session\"}" >"$tree/output"
put /v1/members/c/free '{"item_limit": 20, "labels": {"rack": "ü"}}' >"$tree/output"
put /v1/members/b/free '{"item_limit": 20}' >"$tree/output"
for item in one two three four five six; do
    put "/v1/items/$item" '{"replication": 2}' >"$tree/output"
done
until_true "nothing is assigned" shows /v1/items 'all(.items[]; .status.state == "healthy")'
owned=$(curl -fsS "$url/v1/members/a/kept/assignments" | jq -r '.items[0].item')
curl -fsS -X PATCH -H "Allot-Session: $session" "$url/v1/assignments/$owned/a/kept" \
    --json '{"value": {"port": 1}}' >"$tree/output"
assignments >"$tree/assignments"
members >"$tree/members"

snapshot save --data-dir "$tree/embedded" "$tree/file" >"$tree/output" || fail "not saved"
grep -q 'items: 6, members: 3, assignments: 12' "$tree/output" || fail "it has something else"
[ "$(stat -c %a "$tree/file")" = 600 ] || fail "others can read it"
[ "$(find "$tree" -name 'file*' | wc -l)" -eq 1 ] || fail "something is left beside it"
jq -e . "$tree/file" >"$tree/output" || fail "not all of its lines are JSON"
# One that is killed as it writes, here for a limit of 512 bytes, leaves nothing, where that can be had.
mount_disk disk 10m
echo former >"$tree/disk/file"
if (
    cd "$tree"
    ulimit -f 1
    snapshot save --data-dir "$tree/embedded" "$tree/disk/file"
) >"$tree/output" 2>&1; then
    fail "saved beyond the limit"
fi
[ "$(ls "$tree/disk")" = file ] || fail "half a file is left: $(ls "$tree/disk")"
grep -q former "$tree/disk/file" || fail "the former file is gone"
snapshot verify "$tree/file" >"$tree/output" || fail "not good"
snapshot save --data-dir "$tree/embedded" - 2>"$tree/save.log" | snapshot verify - >"$tree/output" ||
    fail "not good through a pipe"
refused 1 'another process has it open' restore --data-dir "$tree/embedded" "$tree/file"
stop "$first"

# --- to etcd, and under another root ---

start_etcd
snapshot restore --store etcd --etcd-endpoints "$etcd_url" --root /moved "$tree/file" >"$tree/output" ||
    fail "not restored"
grep -q 'the first does in 600 s' "$tree/output" || fail "it doesn't tell of the leases"
"$ALLOTD" snapshot restore --store etcd --etcd-endpoints "$etcd_url" --root /held --hold-seconds 3600 \
    "$tree/file" >"$tree/held.log" 2>&1 &
holding=$!
pids="$pids $holding"
until_true "it doesn't say that servers can start" grep 'are held for 3600 s: start the servers now' "$tree/held.log"
snapshot save --store etcd --etcd-endpoints "$etcd_url" --root /held "$tree/held" >"$tree/output" ||
    fail "it isn't whole yet"
crash "$holding"
snapshot restore --store etcd --etcd-endpoints "$etcd_url" --root /freed --hold-seconds 1 "$tree/file" >"$tree/output" ||
    fail "not restored"
tail -n 1 "$tree/output" | grep -q 'are held no longer: .* the first does in 600 s' || fail "it doesn't tell of the end"
refused 1 '/moved: expected an empty root' restore --store etcd --etcd-endpoints "$etcd_url" --root /moved \
    "$tree/file"
start moved --store etcd --etcd-endpoints "$etcd_url" --root /moved
unmoved moved
curl -fsS -X POST -H "Allot-Session: $session" --json "{}" "$url/v1/members/a/kept/heartbeat" >"$tree/output" ||
    fail "the member isn't known any more"

# What a file can't have is refused when it would be saved, not when it is needed.
lease=$(etcdctl lease grant 200000 | awk '{ print $2 }')
etcdctl put --lease="$lease" /foreign/some/key value >"$tree/output"
refused 1 '/foreign/some/key: .*TTL of 200000 s' save --store etcd --etcd-endpoints "$etcd_url" --root /foreign \
    "$tree/foreign"
[ ! -e "$tree/foreign" ] || fail "a file that can't be read was saved"

# --- and back, saved while that server runs ---

snapshot save --store etcd --etcd-endpoints "$etcd_url" --root /moved "$tree/file" >"$tree/output" ||
    fail "not saved from etcd"
snapshot restore --data-dir "$tree/back" "$tree/file" >"$tree/output" || fail "not restored"
stop "$pid"
start back
unmoved back
stop "$pid"

# --- files that are no good ---

head -c 2000 "$tree/file" >"$tree/cut"
refused 1 'cut: line [0-9]*: expected' verify "$tree/cut"
refused 1 'cut: line [0-9]*: expected' restore --data-dir "$tree/none" "$tree/cut"
[ ! -e "$tree/none" ] || fail "a damaged file has made a store"
sed '2s/600/601/' "$tree/file" >"$tree/changed"
refused 1 'checksum.*damaged' verify "$tree/changed"
refused 1 'not-there' verify "$tree/not-there"
long=$(printf '%0200d' 0)
refused 1 "\.\.\.0*/the-name: opening it" verify "$tree/$long/the-name"
refused 1 "\.\.\.0*/the-name\.[0-9a-f]*: making it" save --data-dir "$tree/back" "$tree/$long/the-name"
refused 1 'none/store.sqlite: No such file or directory: expected the file of an embedded store' \
    save --data-dir "$tree/none" "$tree/unsaved"
[ ! -e "$tree/unsaved" ] || fail "a file with nothing in it"
refused 2 'save, verify or restore'
refused 2 'a file behind the flags' save
refused 2 'expected a value' save --data-dir "$tree/back"
refused 2 'unknown flag' save --listen 127.0.0.1:1 "$tree/unsaved"
refused 2 'hold-seconds: unknown flag' save --hold-seconds 5 --data-dir "$tree/back" "$tree/unsaved"
refused 2 'verify takes no flags' verify --root /x "$tree/file"
ALLOT_STORE=etcd ALLOT_ROOT=nonsense snapshot verify "$tree/file" >"$tree/output" || fail "verify needs more than a file"
for ask in --version 'save --version' 'verify --version'; do
    # shellcheck disable=SC2086
    snapshot $ask | grep -q '^allotd [0-9]' || fail "$ask doesn't tell the version"
done
for ask in --help "verify $tree/file" "save --data-dir $tree/back $tree/again" "save --data-dir $tree/back -"; do
    status=0
    # shellcheck disable=SC2086
    snapshot $ask >/dev/full 2>"$tree/output" || status=$?
    [ "$status" -eq 1 ] || fail "$ask on a full disk: exit status $status instead of 1"
    [ -s "$tree/output" ] || fail "$ask on a full disk: not a word"
done
snapshot save --data-dir "$tree/back" --root /nothing "$tree/nothing" >"$tree/output" 2>&1 || fail "nothing can't be saved"
grep -q 'there is nothing below /nothing' "$tree/output" || fail "it isn't said that nothing is saved"
refused 2 'hold-seconds is for' restore --hold-seconds 5 --data-dir "$tree/none" "$tree/file"

# made FILE NAME VALUE COUNT: one with so many keys, called NAME and a number; or NAME, if it is one.
made() {
    python3 - "$@" <<'EOF'
import hashlib, json, sys

file, name, value, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
lines = [{"format": "allot-snapshot", "version": 1, "allot": "0.1.0", "root": "/x", "revision": 9,
          "taken": "2026-01-31T12:00:00Z", "leases": 0, "keys": count}]
lines += [{"key": name + (f"{i:06}" if count > 1 else ""), "value": value, "create_revision": 2,
           "mod_revision": 2, "version": 1} for i in range(count)]
text = "".join(json.dumps(line) + "\n" for line in lines).encode()
digest = hashlib.sha256(text).hexdigest()
text += f'{{"lines":{len(lines)},"sha256":"{digest}"}}\n'.encode()
open(file, "wb").write(text)
EOF
}
made "$tree/half" /format '{"version":1,"restoring":"12"}' 1
refused 1 'half: .*isn.t whole' verify "$tree/half"
refused 1 'half: .*isn.t whole' restore --data-dir "$tree/none" "$tree/half"
made "$tree/newer" /format '{"version":2}' 1
refused 1 'newer: .*newer version' restore --data-dir "$tree/none" "$tree/newer"
[ ! -e "$tree/none" ] || fail "a store was made for what can't be restored"

# --- killed midway ---

made "$tree/large" /items/ '{"replication":0}' 50000
has_some() {
    etcdctl get --prefix /large/items/ --limit 1 --keys-only | grep -q .
}
"$ALLOTD" snapshot restore --store etcd --etcd-endpoints "$etcd_url" --root /large "$tree/large" \
    >"$tree/large.log" 2>&1 &
restoring=$!
pids="$pids $restoring"
until_true "nothing is restored" has_some
crash "$restoring"
etcdctl get /large/format | grep -q restoring || fail "it was restored before it could be killed"

launch large --store etcd --etcd-endpoints "$etcd_url" --root /large
until_true "the server doesn't say why it keeps off" grep -q 'being restored' "$tree/large.log"
ready=$(curl -sS -o "$tree/output" -w '%{http_code}' "$url/readyz")
[ "$ready" = 503 ] || fail "half a root is ready: $ready"
grep -q 'being restored' "$tree/output" || fail "it isn't said why"
status=$(curl -sS -o "$tree/output" -w '%{http_code}' -X PUT "$url/v1/items/new" --json '{"replication": 1}')
[ "$status" = 503 ] || fail "half a root is written to: $status"
snapshot save --store etcd --etcd-endpoints "$etcd_url" --root /moved "$tree/whole" >"$tree/output"
refused 1 'isn.t whole' save --store etcd --etcd-endpoints "$etcd_url" --root /large "$tree/whole"
snapshot verify "$tree/whole" | grep -q ': good: /moved ' || fail "what had been saved is no more"
refused 1 'another restore' restore --store etcd --etcd-endpoints "$etcd_url" --root /large "$tree/file"

snapshot restore --store etcd --etcd-endpoints "$etcd_url" --root /large "$tree/large" >"$tree/output" 2>&1 ||
    fail "not restored a second time"
until_true "the server doesn't go on" curl -fsS "$url/readyz"
until_true "not all is there" shows /v1/cluster '.totals.items == 50000'
put /v1/items/new '{"replication": 1}' >"$tree/output"
stop "$pid"
