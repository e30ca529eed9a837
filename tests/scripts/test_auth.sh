#!/bin/sh
# A whole allotd with --auth-file: who is let in, what they may, and tokens read again on SIGHUP.
set -eu
cd "$(dirname "$0")/../.."
allotd=$PWD/${ALLOTD:-build/allotd}

work=$(mktemp -d "${TMPDIR:-/tmp}/allot-auth.XXXXXX")
server=
finish() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    wait
    rm -rf "$work"
}
trap finish EXIT

fail() {
    echo "test_auth: $*" >&2
    cat "$work/log" >&2
    exit 1
}

# principal NAME ROLE TOKEN: its line.
principal() {
    echo "$1 $2 $(printf %s "$3" | sha256sum | cut -d ' ' -f 1)"
}

# expect STATUS TOKEN ARGUMENT...: what curl is answered.
expect() {
    expected=$1
    token=$2
    shift 2
    status=$(curl -sS -o "$work/answer" -w '%{http_code}' -H "Authorization: Bearer $token" "$@")
    [ "$status" = "$expected" ] || fail "$status, not $expected: $token $*: $(cat "$work/answer")"
}

# logged TEXT: within half a minute.
logged() {
    tries=0
    until grep -q "$1" "$work/log"; do
        tries=$((tries + 1))
        [ "$tries" -lt 600 ] || fail "not logged: $1"
        sleep 0.05
    done
}

wait_ready() {
    tries=0
    until curl -fs -o /dev/null "$ALLOT/readyz"; do
        kill -0 "$server" 2>/dev/null || fail "allotd has ended"
        tries=$((tries + 1))
        [ "$tries" -lt 600 ] || fail "allotd isn't ready"
        sleep 0.05
    done
}

echo 'one boss 1234' >"$work/tokens"
"$allotd" serve --listen 127.0.0.1:0 --data-dir "$work/data" --auth-file "$work/tokens" \
    2>"$work/log" && fail "started with a bad file"
grep -q 'line 1: expected a role' "$work/log" || fail "it does not say what is wrong"

{
    principal deploy operator the-operators-token
    principal wall reader the-readers-token
    principal one member:zone-a/one the-token-of-one
} >"$work/tokens"
"$allotd" serve --listen 127.0.0.1:0 --data-dir "$work/data" --auth-file "$work/tokens" \
    2>"$work/log" &
server=$!
logged 'msg=listening'
port=$(sed -n 's/.*127\.0\.0\.1:\([0-9][0-9]*\).*/\1/p' "$work/log" | head -n 1)
ALLOT=http://127.0.0.1:$port
wait_ready

expect 401 nobodys-token-at-all "$ALLOT/v1/items"
expect 201 the-operators-token -X PUT "$ALLOT/v1/items/a" --json '{"replication": 1}'
expect 200 the-readers-token "$ALLOT/v1/items"
expect 403 the-readers-token -X DELETE "$ALLOT/v1/items/a" --json '{}'
expect 201 the-token-of-one -X PUT "$ALLOT/v1/members/zone-a/one" --json '{"item_limit": 1}'
expect 403 the-token-of-one -X PUT "$ALLOT/v1/members/zone-a/two" --json '{"item_limit": 1}'

principal wall reader another-readers-token >"$work/tokens"
expect 200 the-readers-token "$ALLOT/v1/items"
kill -HUP "$server"
logged 'msg="read again"'
expect 401 the-readers-token "$ALLOT/v1/items"
expect 200 another-readers-token "$ALLOT/v1/items"
echo 'nonsense' >"$work/tokens"
kill -HUP "$server"
logged 'the former ones hold'
expect 200 another-readers-token "$ALLOT/v1/items"

kill "$server"
wait "$server" || fail "allotd left with status $?"

# A rate limit, for each principal, told in every reply.
{
    principal deploy operator the-operators-token
    principal wall reader the-readers-token
} >"$work/tokens"
: >"$work/log"
"$allotd" serve --listen 127.0.0.1:0 --data-dir "$work/data" --auth-file "$work/tokens" \
    --rate-limit 1 2>"$work/log" &
server=$!
logged 'msg=listening'
port=$(sed -n 's/.*127\.0\.0\.1:\([0-9][0-9]*\).*/\1/p' "$work/log" | head -n 1)
ALLOT=http://127.0.0.1:$port
wait_ready
tries=0
until status=$(curl -sS -o "$work/answer" -w '%{http_code}' \
    -H 'Authorization: Bearer the-operators-token' "$ALLOT/v1/items") && [ "$status" = 429 ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 1000 ] || fail "never 429"
done
grep -q '"code":"too-many-requests"' "$work/answer" || fail "429 without a reason"
expect 200 the-readers-token -D "$work/headers" "$ALLOT/v1/items"
grep -qi '^RateLimit-Policy: "default";q=2;w=2' "$work/headers" || fail "no policy is told"

grep -q 'token-of-one\|readers-token\|operators-token' "$work/log" && fail "a token is in the log"
kill "$server"
wait "$server" || fail "allotd left with status $?"
server=
