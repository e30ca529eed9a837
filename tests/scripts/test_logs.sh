#!/bin/sh
# The log of an allotd over an etcd with users, its own of which can use nothing but its root: each
# request by its id and its trace, everything at a signal, and never a secret.
set -eu
cd "$(dirname "$0")/../.."
. tests/scripts/stage.sh

trace=4bf92f3577b34da6a3ce929d0e0e4736
session=a-secret-of-the-session
token=a-token-of-the-operator
password=a-password-for-etcd

start_etcd
printf %s "$password" >"$tree/password"
etcdctl user add root:"$password" >"$tree/output"
etcdctl user grant-role root root >"$tree/output"
etcdctl role add allot >"$tree/output"
etcdctl role grant-permission allot readwrite --prefix=true /allot/ >"$tree/output"
etcdctl user add allot:"$password" >"$tree/output"
etcdctl user grant-role allot allot >"$tree/output"
etcdctl auth enable >"$tree/output"
echo "deploy operator $(printf %s "$token" | sha256sum | cut -d ' ' -f 1)" >"$tree/tokens"

# put_one TRACEPARENT: a member that registers itself; what is answered is in $tree/headers.
put_one() {
    curl -sS --fail-with-body -D "$tree/headers" -o "$tree/output" -X PUT "$url/v1/members/a/one" \
        -H "Authorization: Bearer $token" -H "traceparent: $1" -H 'X-Request-Id: the-request' \
        --json "{\"item_limit\": 1, \"ttl_seconds\": 600, \"session\": \"$session\"}" ||
        fail "not registered"
}

get() {
    curl -sS -o "$tree/output" -w '%{http_code}\n' "$@"
}

# logged PATTERN: within half a minute.
logged() {
    until_true "not logged: $1" grep -e "$1" "$tree/server.log"
}

# Who registered it, by the trace.
in_history() {
    shows /v1/members/a/one/history ".events[] | select(.actor.trace_id == \"$trace\")" \
        -H "Authorization: Bearer $token"
}

start server --store etcd --etcd-endpoints "$etcd_url" --etcd-user allot \
    --etcd-password-file "$tree/password" --auth-file "$tree/tokens"
put_one "00-$trace-00f067aa0ba902b7-01"
grep -q "^traceresponse: 00-$trace-[0-9a-f]\{16\}-01" "$tree/headers" || fail "another trace"
! grep -q the-request "$tree/server.log" || fail "more is logged than was configured"

kill -USR1 "$pid"
logged 'level=info msg="debug log on"'
put_one "00-$trace-00f067aa0ba902b7-01"
logged "level=debug msg=request request_id=the-request trace_id=$trace "
put_one 00-00000000000000000000000000000000-00f067aa0ba902b7-01
made=$(sed -n 's/^traceresponse: 00-\([0-9a-f]*\)-[0-9a-f]*-00.*/\1/p' "$tree/headers")
[ "${#made}" -eq 32 ] || fail "no trace is begun for one that is not valid"
logged "request_id=the-request trace_id=$made "

# Who did it is in the history, by the same id.
until_true "no trace in the history" in_history

# What goes wrong is logged too: other secrets, a token in the query, an etcd that takes no login.
get -X POST "$url/v1/members/a/one/heartbeat" -H "Authorization: Bearer $token" \
    -H "Allot-Session: not-$session" --json '{}' >/dev/null
get "$url/v1/items?token=$token" >/dev/null
get "$url/v1/items" -H "Authorization: Bearer not-$token" >/dev/null
printf %s "not-$password" >"$tree/password"
crash "$etcd_pid"
start_etcd
logged 'level=error msg=store'

kill -USR2 "$pid"
logged 'level=info msg="debug log off"'
stop "$pid"
for secret in "$session" "$token" "$password"; do
    ! grep -e "$secret" "$tree/server.log" || fail "a secret is logged"
done
