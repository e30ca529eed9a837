#!/bin/sh
# The commands of docs/runbook.md work as they stand, one after the other in one shell, against an
# allotd over etcd; and there is a section for each alert, and an alert for each section.
set -eu
cd "$(dirname "$0")/../.."
. tests/scripts/stage.sh

sed -n 's/^ *- alert: //p' deploy/prometheus/alerts.yml | sort >"$tree/alerts"
sed -n 's/^## \(Allot.*\)/\1/p' docs/runbook.md | sort >"$tree/sections"
[ -s "$tree/alerts" ] || fail "no alerts"
diff "$tree/alerts" "$tree/sections" >"$tree/output" || fail "alerts are not those of the runbook"
sed -n 's,^ *runbook_url: docs/runbook.md#,,p' deploy/prometheus/alerts.yml | sort >"$tree/anchors"
tr '[:upper:]' '[:lower:]' <"$tree/sections" | diff "$tree/anchors" - >"$tree/output" ||
    fail "runbook_url doesn't name the sections"

awk '/^<!-- commands/ { inside = 1 }
     /^<!-- end of the commands/ { inside = 0 }
     inside && /^ *```$/ { block = 0 }
     block
     inside && /^ *```sh$/ { block = 1 }' docs/runbook.md >"$tree/commands"
[ "$(wc -l <"$tree/commands")" -gt 50 ] || fail "the runbook has no commands"

start_etcd
start server --store etcd --etcd-endpoints "$etcd_url"

# One that is well stands first; another waits for who doesn't report; there is no room for the last.
put /v1/members/zone-a/one '{"item_limit": 2}' >"$tree/output"
put /v1/members/zone-b/two '{"item_limit": 1}' >"$tree/output"
put /v1/items/first '{"replication": 1}' >"$tree/output"
until_true "the first is not assigned" shows /v1/items/first '.status.state == "healthy"'
put /v1/items/second%2Fof-them '{"replication": 2, "consistency": "reported"}' >"$tree/output"
until_true "the second does not wait" shows /v1/items/second%2Fof-them '.status.state == "converging"'
curl -fsS -X PATCH "$url/v1/assignments/second%2Fof-them/zone-a/one" --json '{"consistent": true}' >"$tree/output"
put /v1/items/third '{"replication": 2}' >"$tree/output"
until_true "there is room for three" shows /v1/cluster '.totals.unattainable == 2'

(cd "$tree" && ALLOT="$url" ETCDCTL_ENDPOINTS="$etcd_url" HISTORY="$tree/server/history.db" \
    timeout 120 sh -eux ./commands) >"$tree/output" 2>&1 || fail "a command of the runbook failed"
shows /v1/cluster '.totals.unattainable == 0 and .allocator.paused == "no"' >"$tree/answer" ||
    fail "the runbook has made no room"
shows '/v1/history?kind=member' '[.events[] | select(.after.exiting) | .suffix] | unique == ["two"]' >"$tree/answer" ||
    fail "it has drained another than who doesn't report"

stop "$pid"
