#!/bin/sh
# /metrics: promtool and a parser of OpenMetrics take it, it counts what is done, docs/metrics.md names
# all that it tells, and no request can make it grow.
set -eu
cd "$(dirname "$0")/../.."
. tests/scripts/stage.sh

scrape() {
    curl -fsS -o "$tree/metrics.log" "$url/metrics" || fail "no metrics"
}

# value SAMPLE: of the last scrape.
value() {
    sed -n "s|^$1 ||p" "$tree/metrics.log"
}

# becomes SAMPLE VALUE
becomes() {
    until_true "$1 isn't $2" is "$1" "$2"
}
is() {
    scrape
    echo "it is $(value "$1")"
    [ "$(value "$1")" = "$2" ]
}

# check EXPECTATION...: as read_metrics.py has it. By Debian's own python3: its packages are there.
check() {
    scrape
    promtool check metrics <"$tree/metrics.log" >"$tree/output" 2>&1 || fail "promtool takes it not"
    /usr/bin/python3 tests/scripts/read_metrics.py "$url" docs/metrics.md "$@" || fail "see above"
}

request() {
    curl -sS -o "$tree/reply" -H 'Content-Type: application/json' "$@"
}

# ---- what alerts, dashboards and documents ask for is there ----

grep -rhoE '\ballot_[a-z_]*[a-z]\b' deploy docs | sed -E 's/_(bucket|sum|count)$//' | sort -u |
    while read -r name; do
        grep -q "^| \`$name\` |" docs/metrics.md || fail "$name is named, and docs/metrics.md hasn't it"
    done

# ---- a server that has done nothing so far ----

launch one --thrash-moves 2
check 'allot_http_connections>=1' 'allot_items{state="healthy"}=0'
becomes allot_leader 1

# ---- what is done is counted ----

request -X PUT -d '{"item_limit":4}' "$url/v1/members/east/1"
request -X PUT -d '{"item_limit":4}' "$url/v1/members/west/1"
for item in 1 2 3; do
    request -X PUT -d '{"replication":2}' "$url/v1/items/$item"
done
request -X PUT -d '{"replication":0}' -H 'If-Match: "1-1"' "$url/v1/items/1"
request -X PUT -d '{"replication":-1}' "$url/v1/items/4"
becomes allot_assignments 6
becomes allot_loop_converged 1
becomes allot_history_lag_revisions 0
becomes allot_history_behind_seconds 0.0
request --head "$url/v1/items/1"
request "$url/v1/items/1"
curl -sSN -o "$tree/changes" "$url/v1/watch" &
watcher=$!
pids="$pids $watcher"
becomes allot_watches 1

check all \
    'allot_http_requests_total{route="/v1/items/{id}",method="PUT",code="201"}=3' \
    'allot_http_requests_total{route="/v1/items/{id}",method="PUT",code="412"}=1' \
    'allot_http_requests_total{route="/v1/items/{id}",method="PUT",code="422"}=1' \
    'allot_http_requests_total{route="/v1/items/{id}",method="GET",code="200"}=1' \
    'allot_http_requests_total{route="/v1/items/{id}",method="HEAD",code="200"}=1' \
    'allot_http_request_duration_seconds_count{route="/v1/items/{id}",method="PUT"}=5' \
    'allot_http_requests_in_flight=2' \
    'allot_store_requests_total{operation="txn"}>=8' \
    'allot_store_requests_total{operation="lease_grant"}=1' \
    'allot_store_requests_total{operation="watch"}>=2' \
    'allot_store_request_duration_seconds_count{operation="txn"}>=8' \
    'allot_ready=1' 'allot_invalid_entries=0' \
    'allot_store_reachable=1' 'allot_store_watch_age_seconds=0' 'allot_lease_ttl_seconds=20' \
    'allot_leader=1' 'allot_leader_known=1' \
    'allot_loop_rounds_total>=1' 'allot_loop_passes_total>=2' \
    'allot_loop_consecutive_failed_passes=0' 'allot_loop_in_flight=0' \
    'allot_loop_changes_total{kind="add"}=6' 'allot_loop_changes_total{kind="remove"}=0' \
    'allot_loop_phase_duration_seconds_count{phase="observe"}>=2' \
    'allot_loop_phase_duration_seconds_count{phase="solve"}>=1' \
    'allot_loop_phase_duration_seconds_count{phase="converge"}>=2' \
    'allot_members=2' 'allot_zones=2' 'allot_slots=6' 'allot_capacity_slots=8' \
    'allot_members_over_limit=0' 'allot_load_imbalance_ratio=1' 'allot_unattainable_replicas=0' \
    'allot_item_moves_total=0' 'allot_thrashing_items=0' \
    'allot_history_events_total>=11' 'allot_history_rows>=11' 'allot_history_bytes>=4096' \
    'allot_history_write_errors_total=0' 'allot_history_healthy=1' \
    'process_open_fds>=8' 'process_threads>=4' 'process_resident_memory_bytes>=1000000'

# Of a history that began with the server, and of which nothing was removed, all is kept that was written.
is_counted() {
    curl -fsS "$url/metrics" >"$tree/metrics"
    written=$(sed -n 's/^allot_history_events_total //p' "$tree/metrics")
    [ "$written" = "$(sed -n 's/^allot_history_rows //p' "$tree/metrics")" ]
}
until_true "events are counted that were not written" is_counted
crash "$watcher"

# ---- items that move ----

holds_none() {
    shows /v1/items/1/assignments "all(.items[]; .zone + \"/\" + .suffix != \"$1\")"
}

request -X PUT -d '{"item_limit":4}' "$url/v1/members/north/1"
for _ in 1 2 3 4; do # whoever holds the first item is emptied, again and again
    holder=$(curl -fsS "$url/v1/items/1/assignments" | jq -r '.items[0] | .zone + "/" + .suffix')
    request -X PATCH -d '{"item_limit":0}' "$url/v1/members/$holder"
    until_true "$holder isn't emptied" holds_none "$holder"
    request -X PATCH -d '{"item_limit":4}' "$url/v1/members/$holder"
    becomes allot_loop_converged 1
done
check 'allot_item_moves_total>=4' 'allot_thrashing_items>=1'

# ---- a pause ----

check 'allot_loop_paused{paused="rebalance"}=0' 'allot_loop_paused{paused="all"}=0'
request -X PUT -d '{"paused":"all"}' "$url/v1/allocator"
becomes 'allot_loop_paused{paused="all"}' 1
check 'allot_loop_paused{paused="rebalance"}=0'
request -X PUT -d '{"paused":"no"}' "$url/v1/allocator"
becomes 'allot_loop_paused{paused="all"}' 0

until_true "the history doesn't name the item" shows '/v1/history/moves?more_than=2' \
    'any(.moves[]; .item == "1" and .moves >= 4) and .complete'

# ---- more is wanted than there is room for ----

becomes allot_capacity_slots 12
request -X POST "$url/v1/members/north/1/drain" -d '{}'
becomes allot_capacity_slots 8 # as in /v1/cluster
shows /v1/cluster '.totals.member_slots == 8' >"$tree/output" || fail "/v1/cluster tells of other room"
request -X DELETE "$url/v1/members/north/1?force=true"
becomes allot_members 2
becomes allot_loop_converged 1
request -X PUT -d '{"replication":3}' "$url/v1/items/1"
becomes allot_unattainable_replicas 1
becomes 'allot_items{state="under_replicated"}' 1
becomes allot_watches 0 # the change was for nobody

# ---- whatever clients ask for, there are no more series ----

request "$url/strange/path"
request -X BREW "$url/v1/items/1"
request "$url/v1/items/1?strange=1"
scrape
before=$(grep -c ^allot_http "$tree/metrics.log")
for odd in 1 2 3 4 5; do
    request "$url/strange/path/$odd"
    request -X "BREW$odd" "$url/v1/items/$odd"
    request "$url/v1/items/strange$odd?strange$odd=1"
done
scrape
after=$(grep -c ^allot_http "$tree/metrics.log")
[ "$after" = "$before" ] || fail "from $before to $after lines"
! grep -iE 'brew|strange' "$tree/metrics.log" || fail "what clients send is in the metrics"
! grep -E '"(east|west|north|1|2|3)"' "$tree/metrics.log" || fail "there are names in the metrics"
stop "$pid"

# ---- a history that can't be written, and none ----

mkdir "$tree/no-file"
launch two --history "$tree/no-file"
becomes allot_history_healthy 0
check 'allot_history_write_errors_total>=1' 'allot_history_lag_revisions>=1'
[ "$(value allot_history_behind_seconds)" != 0.0 ] || fail "behind since never"
stop "$pid"

start three --history none
becomes allot_leader 1
check all -allot_history
stop "$pid"

# ---- with tokens ----

token=a-token-to-scrape-with
echo "prometheus reader $(printf %s "$token" | sha256sum | cut -d ' ' -f 1)" >"$tree/tokens"
launch guarded --auth-file "$tree/tokens"
request "$url/metrics"
curl -fsS -o "$tree/metrics.log" -H "Authorization: Bearer $token" "$url/metrics"
[ "$(value 'allot_http_requests_total{route="/metrics",method="GET",code="401"}')" = 1 ] ||
    fail "who has no token isn't refused, or it isn't counted"
stop "$pid"

# ---- a store that is gone ----

has_store_errors() {
    scrape
    grep 'allot_store_request_errors_total{.*error="EUNAVAILABLE"' "$tree/metrics.log"
}

start_etcd
start four --store etcd --etcd-endpoints "$etcd_url" --ttl-seconds 2
becomes allot_leader 1
check all 'allot_store_reachable=1' 'allot_lease_ttl_seconds=2'
four=$url
request -X PUT -d '{"item_limit":4}' "$url/v1/members/east/1"
request -X PUT -d '{"replication":1}' "$url/v1/items/1"
start five --store etcd --etcd-endpoints "$etcd_url"
becomes allot_assignments 1
check all 'allot_leader=0' 'allot_leader_known=1' 'allot_loop_changes_total{kind="add"}=0'
stop "$pid"
etcdctl put /allot/items/bad 'not json' >"$tree/output"
url=$four
becomes allot_invalid_entries 1
crash "$etcd_pid"
becomes allot_store_reachable 0
becomes allot_ready 0
becomes allot_leader 0
becomes allot_lease_remaining_seconds 0.0
until_true "no errors of the store" has_store_errors
check
