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
expect 2 'not supported' file:///etc/passwd
expect 2 'not supported' ftp://127.0.0.1:1/
expect 2 'bad/illegal format' ''
expect 0 '^usage: allotd health' -h
expect 2 '--ca=: expected a file' --ca=
expect 1 'onnect' --ca=/no-such-file https://127.0.0.1:1/
for command in health help serve history solve; do
    status=0
    "$ALLOTD" "$command" --help >/dev/full 2>"$tree/output" || status=$?
    [ "$status" -eq 1 ] || fail "$command --help on a full disk: exit status $status instead of 1"
    grep -q 'output' "$tree/output" || fail "$command --help on a full disk: not a word"
done

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
