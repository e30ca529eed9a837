#!/bin/sh
# A drill: a real Prometheus with the rules of deploy/prometheus scrapes two allotds over one etcd, and what
# may go wrong does. Each time the alert is raised, what docs/runbook.md says is done, and the alert is over.
#
# The rules are those that are shipped, but for how long they wait: seconds.
set -eu
cd "$(dirname "$0")/../.."
. tests/scripts/stage.sh

say() {
    echo "drill: $*"
}

# ---- the stage ----

start_prometheus() {
    sed -e 's/^\( *for: \).*/\12s/' -e 's/\[[0-9]*m\]/[10s]/g' deploy/prometheus/alerts.yml >"$tree/alerts.yml"
    cat >"$tree/prometheus.yml" <<CONFIG
global: {scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}
rule_files: [alerts.yml]
scrape_configs:
  - job_name: allot
    static_configs:
      - targets: ["${first#http://}", "${second#http://}"]
CONFIG
    promtool check config "$tree/prometheus.yml" >"$tree/output" 2>&1 || fail "Prometheus takes no such rules"
    prometheus --config.file "$tree/prometheus.yml" --storage.tsdb.path "$tree/tsdb" \
        --web.listen-address 127.0.0.1:0 2>"$tree/prometheus.log" &
    pids="$pids $!"
    until_true "Prometheus does not listen" grep -q 'Listening on.* address=127' "$tree/prometheus.log"
    prometheus=http://$(sed -n 's/.*Listening on.* address=\(127[0-9.:]*\).*/\1/p' "$tree/prometheus.log")
}

# alerts: the names of those that fire, one a line.
alerts() {
    curl -fsS "$prometheus/api/v1/alerts" | jq -r '.data.alerts[] | select(.state == "firing") | .labels.alertname'
}
fires() {
    alerts | grep -x "$1"
}
all_is_well() {
    alerts >"$tree/firing"
    [ ! -s "$tree/firing" ] || { cat "$tree/firing"; return 1; }
}
both_are_scraped() {
    curl -fsS "$prometheus/api/v1/query" --data-urlencode 'query=sum(up{job="allot"})' |
        jq -e '.data.result[0].value[1] == "2"'
}

# is_answered QUERY
is_answered() {
    curl -fsS "$prometheus/api/v1/query" --data-urlencode "query=$1" | jq -e '.data.result | length > 0'
}

# raised NAME: within half a minute.
raised() {
    until_true "$1 is not raised" fires "$1"
    say "$1 is raised: $(curl -fsS "$prometheus/api/v1/alerts" |
        jq -r --arg name "$1" 'first(.data.alerts[] | select(.labels.alertname == $name)) | .annotations.summary')"
}
over() {
    until_true "the alerts are not over" all_is_well
    say "over"
}

# runbook SECTION: the commands of that section, by way of "Before you begin", with the allotd at $url.
runbook() {
    awk -v section="$1" '
        /^## / { inside = $0 == "## Before you begin" || $0 == "## " section }
        inside && /^ *```$/ { block = 0 }
        inside && block
        inside && /^ *```sh$/ { block = 1 }' docs/runbook.md >"$tree/commands"
    ALLOT="$url" ETCDCTL_ENDPOINTS="$etcd_url" HISTORY="$tree/small/history.db" \
        timeout 60 sh -eux "$tree/commands" >"$tree/output" 2>&1 || fail "the runbook fails at $1"
    say "done what the runbook says of $1"
}

# A member that lives as long as this sends heartbeats.
be_member() {
    while sleep 0.5; do
        curl -fsS -o /dev/null -X POST "$url/v1/members/zone-b/mortal/heartbeat" \
            -H 'Allot-Session: of-sixteen-or-more' --json '{}' || true
    done 2>/dev/null
}

# join NAME FLAG...: an allotd over that etcd.
join() {
    start "$@" --store etcd --etcd-endpoints "$etcd_url" --ttl-seconds 3
}

mount_disk small 16m

start_etcd
join first --history "$tree/small/history.db"
first=$url first_pid=$pid
join second
second=$url second_pid=$pid
put /v1/members/zone-a/steady '{"item_limit": 4}' >"$tree/output"
put /v1/members/zone-b/mortal '{"item_limit": 4, "ttl_seconds": 5, "session": "of-sixteen-or-more"}' >"$tree/output"
be_member &
member=$!
pids="$pids $member"
for item in one two three four; do
    put "/v1/items/$item" '{"replication": 2}' >"$tree/output"
done
start_prometheus
until_true "not both are scraped" both_are_scraped
until_true "the four are not assigned" shows /v1/cluster '.items_by_state.healthy == 4'
over

say "---- a member dies"
crash "$member"
raised AllotUnattainableReplicas
runbook AllotUnattainableReplicas
over

say "---- an allotd dies"
crash "$first_pid"
raised AllotServerDown
runbook AllotServerDown
join first --history "$tree/small/history.db" --listen "${first#http://}"
first_pid=$pid
over

say "---- the disk of a history fills"
dd if=/dev/zero of="$tree/small/else" bs=64k >"$tree/output" 2>&1 && fail "the disk isn't full"
for label in $(seq 3000); do
    echo "{\"method\": \"PATCH\", \"path\": \"/v1/items/one\", \"body\": {\"labels\": {\"n\": \"$label\"}}}"
done >"$tree/changes"
curl -fsS -o "$tree/output" "$first/v1/batch?atomic=false" -H 'Content-Type: application/x-ndjson' \
    --data-binary "@$tree/changes"
raised AllotHistoryFails
rm "$tree/small/else"
url=$first
runbook AllotHistoryFails
over

say "---- etcd is stopped"
crash "$etcd_pid"
raised AllotStoreUnreachable
raised AllotNoLeader
raised AllotLeaseAtRisk
raised AllotStoreStale
start_etcd
runbook AllotStoreUnreachable
runbook AllotNoLeader
over

say "---- the dashboard"
# But for failed passes: there may have been none.
python3 tests/scripts/check_dashboard.py deploy/grafana/allot.json | jq -r '.groups[].rules[].expr' |
    grep -v allot_loop_failed_passes_total >"$tree/questions"
while read -r question; do
    until_true "no answer to: $question" is_answered "$question"
done <"$tree/questions"
say "$(wc -l <"$tree/questions") of its questions have answers"

say "---- all allotds are stopped"
stop "$first_pid"
stop "$second_pid"
raised AllotDown
join first --listen "${first#http://}"
join second --listen "${second#http://}"
runbook AllotDown
over
say "good"
