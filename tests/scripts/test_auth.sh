#!/bin/sh
# A whole allotd with --auth-file: who is let in, what they may, and tokens read again on SIGHUP.
set -eu
cd "$(dirname "$0")/../.."
. tests/scripts/stage.sh

# principal NAME ROLE TOKEN: its line.
principal() {
    echo "$1 $2 $(printf %s "$3" | sha256sum | cut -d ' ' -f 1)"
}

# expect STATUS TOKEN ARGUMENT...: what curl is answered.
expect() {
    expected=$1
    token=$2
    shift 2
    status=$(curl -sS -o "$tree/answer" -w '%{http_code}' -H "Authorization: Bearer $token" "$@")
    [ "$status" = "$expected" ] || fail "$status, not $expected: $token $*: $(cat "$tree/answer")"
}

# logged TEXT: within half a minute.
logged() {
    until_true "not logged: $1" grep -q "$1" "$tree/server.log"
}

echo 'one boss 1234' >"$tree/tokens"
"$ALLOTD" serve --listen 127.0.0.1:0 --data-dir "$tree/server" --auth-file "$tree/tokens" \
    2>"$tree/server.log" && fail "started with a bad file"
grep -q 'line 1: expected a role' "$tree/server.log" || fail "it does not say what is wrong"

{
    principal deploy operator the-operators-token
    principal wall reader the-readers-token
    principal one member:zone-a/one the-token-of-one
} >"$tree/tokens"
start server --auth-file "$tree/tokens"

expect 401 nobodys-token-at-all "$url/v1/items"
expect 201 the-operators-token -X PUT "$url/v1/items/a" --json '{"replication": 1}'
expect 200 the-readers-token "$url/v1/items"
expect 403 the-readers-token -X DELETE "$url/v1/items/a" --json '{}'
expect 201 the-token-of-one -X PUT "$url/v1/members/zone-a/one" --json '{"item_limit": 1}'
expect 403 the-token-of-one -X PUT "$url/v1/members/zone-a/two" --json '{"item_limit": 1}'

# A watch that is open when its token is taken away ends; also one that may come again does.
watch() {
    curl -sN --max-time 60 -H "Authorization: Bearer $1" "$url/v1/watch" >"$tree/watch-$1" &
    watches="$watches $!"
    pids="$pids $!"
    until_true "no watch" test -s "$tree/watch-$1"
}
watches=
watch the-readers-token
watch the-operators-token
kill -HUP "$pid"
logged 'msg="read again" tokens=unchanged'
expect 201 the-operators-token -X PUT "$url/v1/items/seen" --json '{"replication": 1}'
until_true "a watch has ended though no token has changed" grep -q '"seen"' "$tree/watch-the-readers-token"
{
    principal deploy operator the-operators-token
    principal wall reader another-readers-token
} >"$tree/tokens"
expect 200 the-readers-token "$url/v1/items"
kill -HUP "$pid"
for watch in $watches; do
    wait "$watch" || fail "a watch goes on, or breaks off: $?"
done
logged 'msg="read again" tokens=changed'
expect 401 the-readers-token "$url/v1/items"
expect 200 another-readers-token "$url/v1/items"
echo 'nonsense' >"$tree/tokens"
kill -HUP "$pid"
logged 'the former ones hold'
expect 200 another-readers-token "$url/v1/items"

stop "$pid"

# A rate limit, for each principal, told in every reply.
{
    principal deploy operator the-operators-token
    principal wall reader the-readers-token
} >"$tree/tokens"
start server --auth-file "$tree/tokens" --rate-limit 1
tries=0
until status=$(curl -sS -o "$tree/answer" -w '%{http_code}' \
    -H 'Authorization: Bearer the-operators-token' "$url/v1/items") && [ "$status" = 429 ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 1000 ] || fail "never 429"
done
grep -q '"code":"too-many-requests"' "$tree/answer" || fail "429 without a reason"
expect 200 the-readers-token -D "$tree/headers" "$url/v1/items"
grep -qi '^RateLimit-Policy: "default";q=2;w=2' "$tree/headers" || fail "no policy is told"

grep -q 'token-of-one\|readers-token\|operators-token' "$tree/server.log" && fail "a token is in the log"
stop "$pid"
