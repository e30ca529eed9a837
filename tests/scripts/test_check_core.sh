#!/bin/sh
# scripts/check_core.sh takes a library that is pure, and names what isn't in one that is not.
set -eu
cd "$(dirname "$0")/../.."

work=$(mktemp -d "${TMPDIR:-/tmp}/allot-check-core.XXXXXX")
trap 'rm -rf "$work"' EXIT

# check SOURCE: whether a library of that source passes; what was said is in $work/said.
check() {
    printf '%s\n' "$1" >"$work/source.c"
    gcc -O2 -c -o "$work/source.o" "$work/source.c"
    rm -f "$work/lib.a"
    ar rcs "$work/lib.a" "$work/source.o" "$work/caller.o"
    scripts/check_core.sh "$work/lib.a" >"$work/said" 2>&1
}

# refuse NAME SOURCE: it must not pass, and the name must be told.
refuse() {
    if check "$2"; then
        echo "passed: $2" >&2
        exit 1
    fi
    grep -qw "$1" "$work/said" || {
        echo "$1 is not named in: $(cat "$work/said")" >&2
        exit 1
    }
}

echo 'int own(int); int caller(int i); int caller(int i) { return own(i); }' >"$work/caller.c"
gcc -O2 -c -o "$work/caller.o" "$work/caller.c"

check '#include <stdlib.h>
static const char *const names[] = {"a", "b"};
const char *own(int i) { free(malloc((size_t)i)); return names[i]; }' || {
    cat "$work/said" >&2
    exit 1
}
refuse puts '#include <stdio.h>
int own(int i) { puts("x"); return i; }'
refuse time '#include <time.h>
int own(int i) { return i + (int)time(NULL); }'
refuse pthread_exit '#include <pthread.h>
int own(int i) { pthread_exit(&i); }'
refuse zeroed 'static int zeroed; int own(int i) { return zeroed += i; }'
refuse preset 'static int preset = 4; int own(int i) { return preset += i; }'
refuse each 'static _Thread_local int each; int own(int i) { return each += i; }'
