#!/bin/sh
# docker-compose takes deploy/compose/compose.yaml, and not with a fault in it; and what it says to the
# allotds are variables that allotd knows.
set -eu
cd "$(dirname "$0")/../.."
. tests/scripts/stage.sh

docker-compose -f deploy/compose/compose.yaml config >"$tree/config" 2>"$tree/output" || fail "not valid"
[ "$(grep -c '^  etcd[0-9]:$\|^  allotd[0-9]:$' "$tree/config")" -ge 5 ] || fail "not five services"

# is_refused SED FAULT
is_refused() {
    sed "$1" deploy/compose/compose.yaml >"$tree/compose.yaml"
    if docker-compose -f "$tree/compose.yaml" config >"$tree/output" 2>&1; then fail "takes $1"; fi
    grep -q "$2" "$tree/output" || fail "$1 is refused, but not for $2"
}
is_refused 's/cap_drop/cap_drops/' cap_drops
is_refused 's/read_only: true/read_only: yes-please/' read_only
is_refused 's/retries: 12/retries: often/' retries

"$ALLOTD" serve --help >"$tree/help"
cat deploy/compose/compose.yaml deploy/kubernetes/deployment.yaml Dockerfile | grep -o 'ALLOT_[A-Z_]*' |
    sort -u >"$tree/variables"
while read -r variable; do
    grep -q -w "$variable" "$tree/help" || fail "allotd knows no $variable"
done <"$tree/variables"
