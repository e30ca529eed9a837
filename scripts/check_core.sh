#!/bin/sh
# Proves that the core is pure: fails if the library uses anything but memory, strings and sorting,
# or has a variable that can change.
#
#   scripts/check_core.sh LIBRARY
#
# The lists are words on purpose, everywhere below.
# shellcheck disable=SC2086
set -eu

[ $# -eq 1 ] || {
    echo "usage: scripts/check_core.sh LIBRARY" >&2
    exit 2
}
library=$1

# No file, socket, thread, clock, random number, stdio, locale or environment. Atomics need none;
# 128-bit division is a function of the compiler's own.
allowed='
malloc calloc realloc free
memcpy memmove memset memcmp bcmp memchr
__memcpy_chk __memmove_chk __memset_chk
qsort bsearch
__divti3 __udivti3
__stack_chk_fail _GLOBAL_OFFSET_TABLE_
'

work=$(mktemp -d "${TMPDIR:-/tmp}/allot-check-core.XXXXXX")
trap 'rm -rf "$work"' EXIT

nm --format=posix "$library" >"$work/symbols"
{
    printf '%s\n' $allowed
    awk 'NF > 1 && $2 != "U" && $2 != "w" { print $1 }' "$work/symbols"
} | sort -u >"$work/known"
awk '$2 == "U" || $2 == "w" { print $1 }' "$work/symbols" | sort -u >"$work/used"
impure=$(comm -23 "$work/used" "$work/known")

# Constants that hold addresses are in .data.rel.ro: only the loader writes there.
variables=$(nm --format=sysv "$library" |
    awk -F'|' '{ gsub(/ /, "") } $7 ~ /^(\.t?bss|\.t?data|\*COM\*)/ && $7 !~ /^\.data\.rel\.ro/ &&
        $4 != "SECTION" { print $1 }')

status=0
if [ -n "$impure" ]; then
    echo "check_core: $library uses what the core must not:" $impure >&2
    status=1
fi
if [ -n "$variables" ]; then
    echo "check_core: $library has variables that can change:" $variables >&2
    status=1
fi
exit "$status"
