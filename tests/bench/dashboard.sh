#!/bin/sh
# How soon the dashboard can be used, in a real Chromium, by how much there is: the median of seven.
set -eu
cd "$(dirname "$0")/../.."
make --no-print-directory build/web/test-packages >&2
exec node tests/bench/dashboard.mjs "$@"
