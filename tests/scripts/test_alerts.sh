#!/bin/sh
# The alert rules and the dashboard: the rules do what alerts_test.yml says, the dashboard is sane, and what
# both ask for is what an allotd tells.
set -eu
cd "$(dirname "$0")/../.."
. tests/scripts/stage.sh

promtool check rules deploy/prometheus/alerts.yml >"$tree/output" 2>&1 || fail "not valid"
promtool test rules deploy/prometheus/alerts_test.yml >"$tree/output" 2>&1 || fail "the alerts are not right"
sed -n 's/^ *- alert: //p' deploy/prometheus/alerts.yml | sort >"$tree/alerts"
sed -n 's/^ *alertname: //p' deploy/prometheus/alerts_test.yml | sort -u >"$tree/tested"
diff "$tree/alerts" "$tree/tested" >"$tree/output" || fail "not each alert is tested"

# Its expressions become rules, with the dashboard's variables filled in, so that promtool reads them.
python3 tests/scripts/check_dashboard.py deploy/grafana/allot.json >"$tree/panels.yml" \
    2>"$tree/output" ||
    fail "the dashboard is not sane"
promtool check rules "$tree/panels.yml" >"$tree/output" 2>&1 || fail "the dashboard has a bad expression"

# is_found JQ FAULT: what the filter does to the dashboard is found.
is_found() {
    jq "$1" deploy/grafana/allot.json >"$tree/bad.json"
    if python3 tests/scripts/check_dashboard.py "$tree/bad.json" >"$tree/answer" 2>"$tree/output"; then
        fail "a dashboard is sane after $1"
    fi
    grep -q "$2" "$tree/output" || fail "$1 is found, but not by $2"
}
is_found '.panels[3].id = .panels[2].id' 'the same id'
is_found '.panels[2].gridPos = .panels[1].gridPos' 'overlaps'
is_found '.panels[1].gridPos.x = 23' 'beyond the 24 columns'
is_found 'del(.templating.list[1])' 'no variable job'
is_found '.panels[1].targets = []' 'asks for nothing'

start server
put /v1/items/a '{"replication": 1}' >"$tree/answer"
has_solved() {
    curl -fsS "$url/metrics" | grep '^allot_loop_converged '
}
until_true "it has decided nothing" has_solved
curl -fsS "$url/metrics" | sed -n 's/^# TYPE \([^ ]*\) .*/\1/p' | sort >"$tree/told"
[ -s "$tree/told" ] || fail "no metrics"
cat deploy/prometheus/alerts.yml "$tree/panels.yml" | grep -Eo '\b(allot|process)_[a-z_]+\b' |
    sed 's/_\(bucket\|sum\|count\)$//' | sort -u >"$tree/asked"
comm -23 "$tree/asked" "$tree/told" >"$tree/output"
[ ! -s "$tree/output" ] || fail "an allotd has no such metrics"
stop "$pid"
