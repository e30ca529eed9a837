#!/bin/sh
# allotd as a process: its arguments, its signals, its exit statuses, and what it keeps.
set -eu
cd "$(dirname "$0")/../.."
ALLOTD=${ALLOTD:-build/allotd}
[ -x "$ALLOTD" ] || { echo "no $ALLOTD: run make" >&2; exit 1; }

tree=$(mktemp -d "${TMPDIR:-/tmp}/allot-serve.XXXXXX")
pid=
trap '[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null || true; rm -rf "$tree"' EXIT

fail() {
    echo "test_serve: $*" >&2
    for file in "$tree"/log "$tree"/output; do
        [ ! -e "$file" ] || sed "s,^,$(basename "$file"): ," "$file" >&2
    done
    exit 1
}

# wait_for TEXT FILE: until the file has it.
wait_for() {
    tries=0
    until grep -q -- "$1" "$2" 2>/dev/null; do
        tries=$((tries + 1))
        [ "$tries" -lt 600 ] || fail "no '$1' in $2"
        sleep 0.05
    done
}

# start FLAG...: a server on a free port; sets pid and url once it is ready.
start() {
    : >"$tree/log"
    "$ALLOTD" "$@" --listen 127.0.0.1:0 2>"$tree/log" &
    pid=$!
    wait_for 'msg=listening' "$tree/log"
    url=http://$(sed -n 's/.*msg=listening address=\([^ ]*\) .*/\1/p' "$tree/log")
    tries=0
    until curl -fs -o /dev/null "$url/readyz"; do
        tries=$((tries + 1))
        [ "$tries" -lt 600 ] || fail "not ready"
        sleep 0.05
    done
}

# expect STATUS: of the server, which has been told to end.
expect() {
    status=0
    wait "$pid" || status=$?
    pid=
    [ "$status" -eq "$1" ] || fail "exit status $status instead of $1"
}

# refused STATUS TEXT ARGUMENT...: doesn't even start, and says why.
refused() {
    wanted=$1
    text=$2
    shift 2
    status=0
    "$ALLOTD" "$@" >"$tree/output" 2>&1 || status=$?
    [ "$status" -eq "$wanted" ] || fail "$*: exit status $status instead of $wanted"
    grep -q -- "$text" "$tree/output" || fail "$*: doesn't say: $text"
}

put() {
    curl -fsS -o "$tree/output" -X PUT -H 'Content-Type: application/json' -d "$2" "$url$1" ||
        fail "PUT $1"
}

# ---- arguments ----

refused 0 'ALLOT_LISTEN' --help
refused 0 'simulate' --help
refused 0 'Exit status' serve --help
refused 0 '^allotd [0-9]' --version
refused 2 '--port: unknown flag' serve --port 80
refused 2 'dance: unknown command' dance
refused 2 'not a loopback address' --listen 0.0.0.0:0
export ALLOT_THREADS=none
refused 2 'ALLOT_THREADS: "none": expected a number'
unset ALLOT_THREADS
refused 1 'cannot open the store' --data-dir "$tree/no/such/parent" --listen 127.0.0.1:0

# ---- a life: SIGTERM, SIGKILL, and what was acknowledged ----

start serve --data-dir "$tree/data"
put '/v1/items/a%2Fb' '{"replication":2}'
kill -TERM "$pid"
expect 0
grep -q 'msg=stopped' "$tree/log" || fail "doesn't say that it stopped"

start --data-dir "$tree/data" # serve is the default
curl -fs "$url/v1/items/a%2Fb" | grep -q '"replication":2' || fail "lost by SIGTERM"
put /v1/items/c '{"replication":3}'
kill -KILL "$pid"
wait "$pid" 2>/dev/null || true

export ALLOT_DATA_DIR="$tree/data" ALLOT_ITEM_LIMIT=7 ALLOT_LISTN=a-secret
start
unset ALLOT_DATA_DIR ALLOT_ITEM_LIMIT ALLOT_LISTN
grep -q 'level=warning msg="unknown variable; see --help" name=ALLOT_LISTN' "$tree/log" ||
    fail "a misspelt variable is not warned of"
! grep -q -e a-secret -e ALLOT_ITEM_LIMIT "$tree/log" || fail "its value is told, or a member's variable warned of"
curl -fs "$url/v1/items/c" | grep -q '"replication":3' || fail "lost by SIGKILL"

# ---- how it decides, and the proof of that ----

start_deciding() {
    kill -TERM "$pid"
    expect 0
    start serve --data-dir "$tree/data" --certify --log-level debug --solver "$@"
    put "/v1/items/by-$1" '{"replication":1}'
}

start_deciding optimal --balance-tolerance 20
wait_for 'msg="proven best"' "$tree/log"
curl -fs "$url/v1/cluster" | grep -q '"solver":"optimal","balance_tolerance":20' ||
    fail "not by what it was told"
start_deciding reference
wait_for 'msg="not proven best".*there is no certificate' "$tree/log"
curl -fs "$url/v1/cluster" | grep -q '"solver":"reference"' || fail "plans by another solver"
kill -TERM "$pid"
expect 0
start --data-dir "$tree/data"

# ---- two at once ----

refused 1 'cannot open the store' --data-dir "$tree/data" --listen 127.0.0.1:0
refused 1 'cannot listen' --data-dir "$tree/other" --listen "${url#http://}"

# ---- SIGINT lets a request finish; a second signal doesn't ----

begin_upload() {
    rm -f "$tree/body" "$tree/upload"
    mkfifo "$tree/body"
    curl -sv -o "$tree/output" -X PUT -H 'Content-Type: application/json' \
        -H 'Expect: 100-continue' -H 'Transfer-Encoding: chunked' -T "$tree/body" \
        "$url/v1/items/slow" 2>"$tree/upload" &
    upload=$!
    exec 3>"$tree/body"
    wait_for '100 Continue' "$tree/upload"
}

begin_upload
kill -INT "$pid"
wait_for 'msg=stopping' "$tree/log"
printf '{"replication":1}' >&3
exec 3>&-
wait "$upload" || fail "the upload was cut"
grep -q '< HTTP/1.1 201' "$tree/upload" || fail "the upload was not finished"
expect 0

start --data-dir "$tree/data"
begin_upload
kill -TERM "$pid"
wait_for 'msg=stopping' "$tree/log"
kill -TERM "$pid"
expect 143
exec 3>&-
wait "$upload" || true
