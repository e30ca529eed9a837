#!/bin/sh
# `make help` names every target that is a command, and each with a description.
set -eu
cd "$(dirname "$0")/../.."

help=$(make --no-print-directory help)
targets=$(make --no-print-directory --question --print-data-base help 2>/dev/null |
    sed -n 's/^\.PHONY: *//p')
[ -n "$targets" ] || {
    echo "no .PHONY targets found in the Makefile" >&2
    exit 1
}

status=0
for target in $targets; do
    if ! printf '%s\n' "$help" | grep -q "^$target  *[^ ]"; then
        echo "make help doesn't list $target" >&2
        status=1
    fi
done
exit $status
