#!/bin/sh
# Two allotds over one etcd, and another version beside them, which is played by what that writes: neither
# drops what it doesn't know, both obey one leader, and keep off a root of a format that they don't know.
set -eu
cd "$(dirname "$0")/../.."
. tests/scripts/stage.sh

# stored KEY FILTER: what is stored below the root is as the jq filter says.
stored() {
    etcdctl get "/allot/$1" --print-value-only >"$tree/stored"
    { [ -s "$tree/stored" ] && jq -e "$2" "$tree/stored" >"$tree/output" 2>&1; } ||
        fail "$1: not $2: $(cat "$tree/stored")"
}

# tomorrow KEY JSON: what a later version writes, under the lease that is there, if any.
tomorrow() {
    etcdctl put "/allot/$1" "$2" >"$tree/output"
}
tomorrow_leased() {
    etcdctl put --ignore-lease "/allot/$1" "$2" >"$tree/output"
}

# send METHOD PATH JSON [CURL-ARGUMENT]...: to the server at $url
send() {
    method=$1 path=$2 json=$3
    shift 3
    curl -sS --fail-with-body -X "$method" "$@" "$url$path" --json "$json" >"$tree/output" ||
        fail "$method $path: $(cat "$tree/output")"
}

# seen FILTER: at the members' assignments, by both.
seen() {
    url=$first shows /v1/assignments "$1" && url=$second shows /v1/assignments "$1"
}

start_etcd
start first --store etcd --etcd-endpoints "$etcd_url"
first=$url
start second --store etcd --etcd-endpoints "$etcd_url"
second=$url

# --- fields of values ---

tomorrow 'members/a#one' '{"item_limit":4,"racks":[1,2.50]}'
tomorrow 'items/alpha' '{"replication":1,"weight":{"of":["x",null]}}'
until_true "alpha is not assigned" seen '.items | length == 1 and .[0].slot == 0'
tomorrow 'assign/alpha#a#one#0' '{"consistent":true,"lag":3}'
until_true "what it says is not seen" seen '.items[0].mod_revision > .items[0].create_revision'

url=$first
send PUT /v1/items/alpha '{"replication": 2, "consistency": "immediate"}'
stored items/alpha '.weight.of == ["x", null] and .replication == 2'
url=$second
send PATCH /v1/items/alpha '{"labels": {"a": "b"}}'
stored items/alpha '.weight.of == ["x", null] and .labels.a == "b" and .replication == 2'

send PATCH /v1/assignments/alpha/a/one '{"value": 7}'
stored 'assign/alpha#a#one#0' '.lag == 3 and .value == 7'

send PUT /v1/members/a/one '{"item_limit": 5}'
stored 'members/a#one' '.racks == [1, 2.50] and .item_limit == 5'
url=$first
send PATCH /v1/members/a/one '{"labels": {"c": "d"}}'
send POST /v1/members/a/one/drain '{}'
stored 'members/a#one' '.racks == [1, 2.50] and .exiting and .labels.c == "d"'
send DELETE /v1/members/a/one/drain '{}'
stored 'members/a#one' '.racks == [1, 2.50] and (.exiting | not)'

session=0123456789abcdef
send PUT /v1/members/b/two "{\"item_limit\": 4, \"ttl_seconds\": 600, \"session\": \"$session\"}"
tomorrow_leased 'members/b#two' "$(etcdctl get '/allot/members/b#two' --print-value-only | jq -c '.zone_group = "g"')"
until_true "the other is not assigned" seen '.items | length == 2'
url=$second
send POST /v1/members/b/two/heartbeat '{}' -H "Allot-Session: $session"
send PUT /v1/members/b/two "{\"item_limit\": 6, \"ttl_seconds\": 600, \"session\": \"$session\"}"
stored 'members/b#two' '.zone_group == "g" and .item_limit == 6 and .session_hash'

tomorrow allocator '{"paused":"no","quiet_hours":"22-6"}'
send PUT /v1/allocator '{"paused": "no", "max_moves_in_flight": 100}'
stored allocator '.quiet_hours == "22-6" and .max_moves_in_flight == 100'

# A replica that is promoted takes along what is said of it.
tomorrow_leased 'assign/alpha#b#two#1' '{"lag":9}'
send PUT /v1/items/alpha '{"replication": 1}'
send POST /v1/members/a/one/drain '{}'
until_true "it is not promoted" seen '.items | length == 1 and .[0].slot == 0 and .[0].suffix == "two"'
stored 'assign/alpha#b#two#0' '.lag == 9'
send DELETE /v1/members/a/one/drain '{}'

# --- keys, and values of fields ---

tomorrow 'quotas/alpha' 'not JSON'
until_true "it isn't in the history" shows '/v1/history?kind=other' '.events | length > 0'
"$ALLOTD" snapshot save --store etcd --etcd-endpoints "$etcd_url" "$tree/file" >"$tree/output"
"$ALLOTD" snapshot restore --store etcd --etcd-endpoints "$etcd_url" --root /copy "$tree/file" >"$tree/output"
for root in /allot /copy; do
    [ "$(etcdctl get $root/quotas/alpha --print-value-only)" = "not JSON" ] || fail "$root has lost a key"
done

tomorrow 'items/beta' '{"replication":1,"consistency":"quorum"}'
tomorrow 'assign/beta#a#one#0' '{}'
until_true "it is not told that beta is invalid" shows /v1/cluster '.totals.invalid == 1'
send PUT /v1/items/gamma '{"replication": 2}'
until_true "gamma is not assigned" seen '[.items[] | select(.item == "gamma")] | length == 2'
[ "$(etcdctl get '/allot/assign/beta#a#one#0' --print-value-only)" = '{}' ] || fail "beta was touched"
stored items/beta '.consistency == "quorum"'

# --- one leader, and a format that must be known ---

leader=$(curl -fsS "$first/v1/cluster" | jq -r .leader.instance)
[ "$leader" = "$(curl -fsS "$second/v1/cluster" | jq -r .leader.instance)" ] || fail "two leaders"

keeps_off() {
    for url in "$first" "$second"; do
        ready=$(curl -sS -o "$tree/ready" -w '%{http_code}' "$url/readyz")
        [ "$ready" = 503 ] && grep 'newer version of allot' "$tree/ready" || return 1
    done
}
tomorrow format '{"version":2,"why":"slots have colours"}'
until_true "they are ready in a format that they don't know" keeps_off
status=$(curl -sS -o "$tree/output" -w '%{http_code}' -X PUT "$url/v1/items/delta" --json '{"replication": 1}')
[ "$status" = 503 ] || fail "a format that it doesn't know is written to: $status"
curl -fsS "$url/v1/items/gamma" >"$tree/output" || fail "nor read"
launch third --store etcd --etcd-endpoints "$etcd_url"
until_true "the third doesn't say why it keeps off" grep -q 'newer version of allot' "$tree/third.log"
[ "$(etcdctl get --prefix /allot/schedulers/ --keys-only | grep -c .)" -eq 2 ] || fail "the third is announced"

tomorrow format '{"version":1}'
for url in "$first" "$second" "$url"; do
    until_true "it isn't ready again" curl -fsS "$url/readyz"
done
