#!/bin/sh
# allotd under a service manager: what it tells it, and that a loop which is stuck is no longer told
# of as getting on.
set -eu
cd "$(dirname "$0")/../.."
ALLOTD=${ALLOTD:-build/allotd}
[ -x "$ALLOTD" ] || { echo "no $ALLOTD: run make" >&2; exit 1; }

exec python3 tests/scripts/service_manager.py "$ALLOTD"
