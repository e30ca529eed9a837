#!/bin/sh
# An etcd that comes back empty, or older, below running servers: they serve what it has now, and their
# history begins anew. So they do if it has come further than it was before they see it again.
set -eu
cd "$(dirname "$0")/../.."
. tests/scripts/stage.sh

# items_are NAME...: at both servers, and no others.
items_are() {
    for url in "$gateway" "$grpc"; do
        [ "$(curl -fsS "$url/v1/items" | jq -r '[.items[].id] | join(" ")')" = "$*" ] || return 1
    done
}

# serves_writes NAME: an item that is put is there, at either server.
serves_writes() {
    url=$1
    until_true "$2 is not put" put "/v1/items/$2" '{"replication": 1}'
    until_true "$2 is not there at the one" curl -fsS "$gateway/v1/items/$2"
    until_true "$2 is not there at the other" curl -fsS "$grpc/v1/items/$2"
}

# have_logged COUNT TEXT: each server has, so often.
have_logged() {
    for name in gateway grpc; do
        [ "$(grep -c -- "$2" "$tree/$name.log")" -eq "$1" ] || return 1
    done
}

# have_recorded ITEM: the histories tell of it. One that has nothing yet of a store can't miss it later.
have_recorded() {
    for url in "$gateway" "$grpc"; do
        [ "$(curl -fsS "$url/v1/history?item=$1&limit=1" | jq '.events | length')" = 1 ] || return 1
    done
}

start_etcd
start gateway --store etcd --etcd-endpoints "$etcd_url" --ttl-seconds 2
gateway=$url servers=$pid
start grpc --store etcd --etcd-endpoints "$etcd_url" --ttl-seconds 2 --etcd-protocol grpc
grpc=$url servers="$servers $pid"
for item in 1 2 3 4 5 6 7 8; do
    serves_writes "$gateway" "before-$item"
done
until_true "what was before is not recorded" have_recorded before-8

# Empty, but with the same name: to who watches it, it is the same cluster.
crash "$etcd_pid"
rm -r "$tree/etcd"
start_etcd
until_true "items of an etcd that is no more are served" items_are
serves_writes "$gateway" first
until_true "it isn't said that etcd is empty" have_logged 1 'level=error msg=store .*has gone back from revision'
until_true "its history goes on" have_logged 1 'history of another store set aside'
until_true "the first is not recorded" have_recorded first

# As of a backup. What was written since is lost.
etcdctl snapshot save "$tree/backup" >"$tree/output" 2>&1
serves_writes "$grpc" lost
serves_writes "$grpc" lost-too
crash "$etcd_pid"
rm -r "$tree/etcd"
etcdctl snapshot restore "$tree/backup" --name test --data-dir "$tree/etcd" \
    --initial-advertise-peer-urls "$peer_url" --initial-cluster "test=$peer_url" \
    >"$tree/output" 2>&1
start_etcd
until_true "items that are lost are served" items_are first
serves_writes "$grpc" second
until_true "it isn't said that etcd is older" have_logged 2 'level=error msg=store .*has gone back from revision'
until_true "the history of what is lost goes on" have_logged 2 'history of another store set aside'
until_true "the others are not there" items_are first second
until_true "the second is not recorded" have_recorded second

# Empty, and written to before the servers have a look.
# shellcheck disable=SC2086 # two words
kill -STOP $servers
crash "$etcd_pid"
rm -r "$tree/etcd"
start_etcd
curl -fsS -o "$tree/output" --json '{"key": "L290aGVy", "value": ""}' "$etcd_url/v3/kv/put?[1-200]"
etcdctl put /allot/items/another '{"replication": 1}' >"$tree/output"
# shellcheck disable=SC2086
kill -CONT $servers
until_true "what was before is mixed with what is" items_are another
serves_writes "$gateway" third
until_true "the third is not there" items_are another third
until_true "a history of both goes on" have_logged 3 'history of another store set aside'
