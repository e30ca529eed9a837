#!/bin/sh
# A whole allotd over TLS: what it shows, that it takes another certificate on SIGHUP, or by itself, and drops
# nobody for it, keeps the one that it has if the new one is no good, and asks clients for theirs.
set -eu
cd "$(dirname "$0")/../.."
allotd=$PWD/${ALLOTD:-build/allotd}

work=$(mktemp -d "${TMPDIR:-/tmp}/allot-tls.XXXXXX")
server=
watcher=
finish() {
    [ -z "$watcher" ] || kill "$watcher" 2>/dev/null || true
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    wait
    rm -rf "$work"
}
trap finish EXIT

fail() {
    echo "test_tls: $*" >&2
    tail -n 30 "$work/log" >&2
    exit 1
}

# issue NAME [DAYS]: a key and a certificate that the authority signs.
issue() {
    openssl req -newkey rsa:2048 -nodes -subj "/CN=$1" -keyout "$work/$1.key" -out "$work/$1.csr" 2>/dev/null
    printf 'subjectAltName=IP:127.0.0.1\n' >"$work/extensions"
    openssl x509 -req -in "$work/$1.csr" -CA "$work/ca.pem" -CAkey "$work/ca.key" -CAcreateserial -days "${2:-2}" \
        -extfile "$work/extensions" -out "$work/$1.pem" 2>/dev/null
}

openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout "$work/ca.key" \
    -out "$work/ca.pem" 2>/dev/null
for name in first second client; do
    issue "$name"
done
issue expired 0
cp "$work/first.pem" "$work/cert.pem"
cp "$work/first.key" "$work/key.pem"

start() {
    : >"$work/log"
    "$allotd" serve --listen 127.0.0.1:0 --data-dir "$work/data" --tls-cert "$work/cert.pem" \
        --tls-key "$work/key.pem" "$@" 2>"$work/log" &
    server=$!
    tries=0
    until port=$(sed -n 's/.*address=127\.0\.0\.1:\([0-9][0-9]*\).*/\1/p' "$work/log" | head -n 1) &&
        [ -n "$port" ]; do
        kill -0 "$server" 2>/dev/null || fail "allotd has ended"
        tries=$((tries + 1))
        [ "$tries" -lt 600 ] || fail "allotd isn't ready"
        sleep 0.05
    done
    ALLOT=https://127.0.0.1:$port
}

stop() {
    kill "$server"
    wait "$server" || fail "allotd left with status $?"
    server=
}

secure_curl() {
    curl -sS --cacert "$work/ca.pem" --retry 40 --retry-delay 0 --retry-max-time 30 --retry-all-errors "$@"
}

# The name of the certificate that is shown to a new connection.
shown() {
    openssl s_client -connect "127.0.0.1:$port" -CAfile "$work/ca.pem" </dev/null 2>/dev/null |
        openssl x509 -noout -subject
}

until_shown() {
    tries=0
    until shown | grep -q "$1"; do
        tries=$((tries + 1))
        [ "$tries" -lt 200 ] || fail "$1 is not shown, but $(shown)"
        sleep 0.05
    done
}

# until_said TEXT FILE WHAT: the text is in the file.
until_said() {
    tries=0
    until grep -q "$1" "$2"; do
        tries=$((tries + 1))
        [ "$tries" -lt 600 ] || fail "$3: $(tail -n 3 "$2")"
        sleep 0.05
    done
}

start
secure_curl -f -o "$work/answer" "$ALLOT/readyz"
secure_curl -f -o "$work/answer" -X PUT "$ALLOT/v1/items/a" --json '{"replication": 1}'
if curl -sS -o "$work/answer" "http://127.0.0.1:$port/livez" 2>/dev/null; then
    fail "it talks without TLS"
fi
if curl -sS --cacert "$work/ca.pem" --tls-max 1.1 -o "$work/answer" "$ALLOT/livez" 2>/dev/null; then
    fail "it talks TLS 1.1"
fi
shown | grep -q first || fail "the certificate is $(shown)"
expiration=$(date -d "$(openssl x509 -in "$work/first.pem" -noout -enddate | cut -d = -f 2)" +%s)
secure_curl "$ALLOT/metrics" | grep -q "^allot_tls_certificate_expiration_timestamp_seconds $expiration\$" ||
    fail "it isn't told that the certificate expires at $expiration"
"$allotd" health --ca "$work/ca.pem" "$ALLOT/readyz" || fail "it is not well"
if "$allotd" health "$ALLOT/readyz" 2>"$work/answer"; then
    fail "an unknown authority is good enough for its health"
fi

secure_curl -N "$ALLOT/v1/watch" >"$work/told" 2>&1 &
watcher=$!
until_said bookmark "$work/told" "no bookmark"
cp "$work/second.pem" "$work/cert.pem"
cp "$work/second.key" "$work/key.pem"
kill -HUP "$server"
until_shown second
secure_curl -f -o "$work/answer" -X PUT "$ALLOT/v1/items/b" --json '{"replication": 1}'
until_said '"id":"b"\|"item":"b"' "$work/told" "who watched was dropped"
kill "$watcher"
wait "$watcher" || true
watcher=

cp "$work/expired.pem" "$work/cert.pem"
cp "$work/expired.key" "$work/key.pem"
kill -HUP "$server"
until_shown expired
until_said 'level=warning msg="the certificate has expired"' "$work/log" "it isn't told of its end"
cp "$work/second.pem" "$work/cert.pem"
cp "$work/second.key" "$work/key.pem"
kill -HUP "$server"
until_shown second

echo nonsense >"$work/cert.pem"
kill -HUP "$server"
until_said 'certificates not read again' "$work/log" "a bad certificate is not told"
shown | grep -q second || fail "the certificate is $(shown)"
stop

if "$allotd" serve --listen 127.0.0.1:0 --data-dir "$work/data" --tls-cert "$work/cert.pem" \
    --tls-key "$work/key.pem" 2>"$work/refused"; then
    fail "it starts with a bad certificate"
fi
grep -q "cert.pem" "$work/refused" || fail "it doesn't name the bad certificate: $(cat "$work/refused")"

cp "$work/second.pem" "$work/cert.pem"
echo nonsense >"$work/key.pem"
if "$allotd" serve --listen 127.0.0.1:0 --data-dir "$work/data" --tls-cert "$work/cert.pem" \
    --tls-key "$work/key.pem" 2>"$work/refused"; then
    fail "it starts with a bad key"
fi
grep -q "key.pem" "$work/refused" || fail "it doesn't name the bad key: $(cat "$work/refused")"
cp "$work/second.key" "$work/key.pem"

# Clients have to show theirs.
cp "$work/ca.pem" "$work/clients.pem"
start --tls-client-ca "$work/clients.pem"
status=$(secure_curl -o "$work/answer" -w '%{http_code}' "$ALLOT/livez")
[ "$status" = 403 ] || fail "$status without a certificate"
status=$(secure_curl -o "$work/answer" -w '%{http_code}' --cert "$work/client.pem" --key "$work/client.key" \
    "$ALLOT/v1/items")
[ "$status" = 200 ] || fail "$status with a certificate"
"$allotd" health --ca "$work/ca.pem" --cert "$work/client.pem" --key "$work/client.key" "$ALLOT/livez" ||
    fail "it is not well with a certificate"

# All of them are others, and nobody says so: the authority is one that has signed nothing.
cp "$work/first.key" "$work/key.new"
mv "$work/key.new" "$work/key.pem"
cp "$work/first.pem" "$work/cert.new"
mv "$work/cert.new" "$work/cert.pem"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=another -keyout "$work/other.key" \
    -out "$work/clients.new" 2>/dev/null
mv "$work/clients.new" "$work/clients.pem"
until_shown first
tries=0
until [ "$(secure_curl -o "$work/answer" -w '%{http_code}' --cert "$work/client.pem" --key "$work/client.key" \
    "$ALLOT/v1/items")" = 403 ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 200 ] || fail "the former authority is still good"
    sleep 0.05
done
stop
