#!/bin/sh
# The unit of systemd: that systemd understands it, and how little it leaves open. The path of the
# program is replaced by that of the one that was built: what is named there must exist.
set -eu
cd "$(dirname "$0")/../.."
ALLOTD=${ALLOTD:-build/allotd}
[ -x "$ALLOTD" ] || { echo "no $ALLOTD: run make" >&2; exit 1; }

tree=$(mktemp -d "${TMPDIR:-/tmp}/allot-unit.XXXXXX")
trap 'rm -rf "$tree"' EXIT
unit=$tree/allotd.service

fail() {
    echo "test_systemd_unit: $*" >&2
    cat "$tree/output" >&2
    exit 1
}

# exposure_below TENTHS FILE: whether systemd calls it less exposed than that.
exposure_below() {
    systemd-analyze security --offline=true --threshold=$(($1 - 1)) "$2" >"$tree/output" 2>&1
}

sed "s,^ExecStart=/usr/bin/allotd ,ExecStart=$(realpath "$ALLOTD") ," \
    deploy/systemd/allotd.service >"$unit"
systemd-analyze verify --man=no "$unit" >"$tree/output" 2>&1 || fail "is not valid"
[ ! -s "$tree/output" ] || fail "is not as it should be"
exposure_below 20 "$unit" || fail "leaves too much open"

# It is looked at, and it counts.
grep -v '^Protect\|^Restrict' "$unit" >"$tree/open.service"
! exposure_below 20 "$tree/open.service" || fail "a unit that is open passes"
