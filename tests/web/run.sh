#!/bin/sh
# Tries the dashboard in a real Chromium, each file against an allotd of its own: $ALLOTD, and where
# there is very much in it $ALLOTD_LARGE.
set -eu
cd "$(dirname "$0")/../.."
exec node --test --test-concurrency=3 tests/web/*.test.mjs
