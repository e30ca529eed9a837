#!/bin/sh
# allotd under a service manager: what it tells it, that waiting and following count as getting on, and
# that a loop which is stuck doesn't.
set -eu
cd "$(dirname "$0")/../.."
. tests/scripts/stage.sh

start_etcd
python3 tests/scripts/service_manager.py "$ALLOTD" "$etcd_url" "$etcd_pid"
