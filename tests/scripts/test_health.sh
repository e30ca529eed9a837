#!/bin/sh
# allotd health: of a server that is well, of one that isn't ready, and of none. Over TLS it is tried
# by test_tls.sh.
set -eu
cd "$(dirname "$0")/../.."
. tests/scripts/stage.sh

# expect STATUS TEXT ARGUMENT...
expect() {
    wanted=$1
    text=$2
    shift 2
    status=0
    "$ALLOTD" health "$@" >"$tree/output" 2>&1 || status=$?
    [ "$status" -eq "$wanted" ] || fail "health $*: exit status $status instead of $wanted"
    grep -q -e "$text" "$tree/output" || [ -z "$text" ] || fail "health $*: doesn't say: $text"
}

expect 0 '^usage: allotd health' --help
expect 2 '--port: unknown flag' --port
expect 2 '--ca: expected a file' --ca
expect 2 'one URL only' http://127.0.0.1:1/ http://127.0.0.1:2/
expect 1 'not supported' file:///etc/passwd

start server
expect 0 '' "$url/livez"
expect 0 '' "$url/readyz"
expect 1 'status 404: .*urn:allot:problem:' "$url/nothing"
stop "$pid"
expect 1 "${url#http://}.*onnect" "$url/livez"

launch alone --store etcd --etcd-endpoints http://127.0.0.1:1
expect 0 '' "$url/livez"
expect 1 'status 503: .*the store' "$url/readyz"
crash "$pid"
