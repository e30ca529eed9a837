#!/bin/sh
# /metrics: promtool and a parser of OpenMetrics take it, it counts what is done, docs/metrics.md names
# all that it tells, and no request can make it grow.
set -eu
cd "$(dirname "$0")/../.."
ALLOTD=${ALLOTD:-build/allotd}
[ -x "$ALLOTD" ] || { echo "no $ALLOTD: run make" >&2; exit 1; }

tree=$(mktemp -d "${TMPDIR:-/tmp}/allot-metrics.XXXXXX")
pid=
watch=
clean_up() {
    for each in $watch $pid; do
        kill -9 "$each" 2>/dev/null || true
    done
    rm -rf "$tree"
}
trap clean_up EXIT

fail() {
    echo "test_metrics: $*" >&2
    cat "$tree/log" >&2
    [ ! -e "$tree/metrics" ] || cat "$tree/metrics" >&2
    exit 1
}

# start FLAG...: a server on a free port, and url.
start() {
    : >"$tree/log"
    "$ALLOTD" serve --listen 127.0.0.1:0 "$@" >"$tree/log" 2>&1 &
    pid=$!
    tries=0
    until url=http://$(sed -n 's/.*msg=listening address=\([^ ]*\) .*/\1/p' "$tree/log") &&
        [ "$url" != http:// ]; do
        again "allotd isn't listening"
    done
}

# again TEXT: has the caller try once more, if it hasn't done so too often.
again() {
    kill -0 "$pid" 2>/dev/null || fail "allotd has ended"
    tries=$((tries + 1))
    [ "$tries" -lt 600 ] || fail "$1"
    sleep 0.05
}

stop() {
    kill "$pid"
    wait "$pid" || fail "allotd ended with $?"
    pid=
}

request() {
    curl -sS -o "$tree/reply" -H 'Content-Type: application/json' "$@"
}

scrape() {
    curl -fsS -o "$tree/metrics" "$url/metrics" || fail "no metrics"
}

# value SAMPLE: of the last scrape.
value() {
    sed -n "s,^$1 ,,p" "$tree/metrics"
}

# wait_for SAMPLE VALUE
wait_for() {
    tries=0
    until scrape && [ "$(value "$1")" = "$2" ]; do
        again "$1 is '$(value "$1")' instead of $2"
    done
}

check() {
    scrape
    promtool check metrics <"$tree/metrics" >"$tree/found" 2>&1 || fail "promtool: $(cat "$tree/found")"
    # Debian's own python3: its packages are there.
    /usr/bin/python3 tests/scripts/read_metrics.py "$url" docs/metrics.md "$@" || fail "see above"
}

# ---- a server that has done nothing so far ----

start --data-dir "$tree/data" --thrash-moves 2
check 'allot_http_connections>=1' 'allot_items{state="healthy"}=0'
wait_for allot_leader 1

# ---- what is done is counted ----

request -X PUT -d '{"item_limit":4}' "$url/v1/members/east/1"
request -X PUT -d '{"item_limit":4}' "$url/v1/members/west/1"
for item in 1 2 3; do
    request -X PUT -d '{"replication":2}' "$url/v1/items/$item"
done
request -X PUT -d '{"replication":0}' -H 'If-Match: "1-1"' "$url/v1/items/1"
request -X PUT -d '{"replication":-1}' "$url/v1/items/4"
wait_for allot_assignments 6
wait_for allot_loop_converged 1
wait_for allot_history_lag_revisions 0
wait_for allot_history_behind_seconds 0.0
request --head "$url/v1/items/1"
request "$url/v1/items/1"
curl -sSN -o "$tree/changes" "$url/v1/watch" &
watch=$!
wait_for allot_watches 1

check all \
    'allot_http_requests_total{route="/v1/items/{id}",method="PUT",code="201"}=3' \
    'allot_http_requests_total{route="/v1/items/{id}",method="PUT",code="412"}=1' \
    'allot_http_requests_total{route="/v1/items/{id}",method="PUT",code="422"}=1' \
    'allot_http_requests_total{route="/v1/items/{id}",method="GET",code="200"}=1' \
    'allot_http_requests_total{route="/v1/items/{id}",method="HEAD",code="200"}=1' \
    'allot_http_request_duration_seconds_count{route="/v1/items/{id}",method="PUT"}=5' \
    'allot_http_requests_in_flight=2' \
    'allot_leader=1' 'allot_leader_known=1' 'allot_store_reachable=1' \
    'allot_store_watch_age_seconds=0' 'allot_lease_ttl_seconds=20' \
    'allot_members=2' 'allot_zones=2' 'allot_slots=6' 'allot_capacity_slots=8' \
    'allot_members_over_limit=0' 'allot_load_imbalance_ratio=1' 'allot_unattainable_replicas=0' \
    'allot_store_requests_total{operation="txn"}>=8' \
    'allot_store_requests_total{operation="lease_grant"}=1' \
    'allot_store_requests_total{operation="watch"}>=2' \
    'allot_store_request_duration_seconds_count{operation="txn"}>=8' \
    'allot_loop_rounds_total>=1' 'allot_loop_passes_total>=2' 'allot_loop_consecutive_failed_passes=0' \
    'allot_loop_in_flight=0' 'allot_loop_changes_total{kind="add"}=6' \
    'allot_loop_changes_total{kind="remove"}=0' \
    'allot_loop_phase_duration_seconds_count{phase="observe"}>=2' \
    'allot_loop_phase_duration_seconds_count{phase="solve"}>=1' \
    'allot_loop_phase_duration_seconds_count{phase="converge"}>=2' \
    'allot_history_events_total>=11' 'allot_history_rows>=11' 'allot_history_bytes>=4096' \
    'allot_history_write_errors_total=0' 'allot_history_healthy=1' \
    'process_open_fds>=8' 'process_threads>=4' 'process_resident_memory_bytes>=1000000'

kill "$watch"
wait "$watch" 2>/dev/null || true
watch=

# ---- items that move ----

[ "$(value allot_item_moves_total)" = 0 ] || fail "moves before any"
request -X PUT -d '{"item_limit":4}' "$url/v1/members/north/1"
for _ in 1 2 3 4; do # whoever holds the first item is emptied, again and again
    holder=$(curl -fsS "$url/v1/items/1/assignments" | jq -r '.items[0] | .zone + "/" + .suffix')
    request -X PATCH -d '{"item_limit":0}' "$url/v1/members/$holder"
    tries=0
    while curl -fsS "$url/v1/items/1/assignments" | jq -e --arg holder "$holder" \
        'any(.items[]; .zone + "/" + .suffix == $holder)' >"$tree/reply"; do
        again "$holder isn't emptied"
    done
    request -X PATCH -d '{"item_limit":4}' "$url/v1/members/$holder"
    wait_for allot_loop_converged 1
done
check 'allot_item_moves_total>=4' 'allot_thrashing_items>=1'
request -X DELETE "$url/v1/members/north/1?force=true"
wait_for allot_members 2

# ---- more is wanted than there is room for ----

request -X PUT -d '{"replication":3}' "$url/v1/items/1"
wait_for allot_unattainable_replicas 1
wait_for 'allot_items{state="under_replicated"}' 1
wait_for allot_watches 0 # the change was for nobody

# ---- whatever clients ask for, there are no more series ----

request "$url/strange/path"
request -X BREW "$url/v1/items/1"
scrape
before=$(grep -c . "$tree/metrics")
for odd in 1 2 3 4 5; do
    request "$url/strange/path/$odd"
    request -X "BREW$odd" "$url/v1/items/$odd"
    request "$url/v1/items/strange$odd?strange$odd=1"
done
request "$url/v1/items/1?strange=1"
scrape
after=$(grep -c . "$tree/metrics")
[ "$after" -le $((before + 1)) ] || fail "from $before to $after lines"
! grep -iE 'brew|strange' "$tree/metrics" || fail "what clients send is in the metrics"
! grep -E '"(east|west|1|2|3)"' "$tree/metrics" || fail "there are names in the metrics"
stop

# ---- a history that can't be written, and none ----

mkdir "$tree/data/history.db.d"
start --data-dir "$tree/data" --history "$tree/data/history.db.d"
wait_for allot_history_healthy 0
check 'allot_history_write_errors_total>=1' 'allot_history_lag_revisions>=1'
[ "$(value allot_history_behind_seconds)" != 0.0 ] || fail "behind since never"
stop

start --data-dir "$tree/data" --history none
check all -allot_history
stop
