#!/bin/sh
# Somebody who has read nothing but /openapi.json uses every operation in it, with its own examples;
# what comes back is valid by its schemas.
set -eu
cd "$(dirname "$0")/../.."
. tests/scripts/stage.sh

start server
python3 -W ignore tests/scripts/use_openapi.py "$url" || fail "see above"
stop "$pid"
