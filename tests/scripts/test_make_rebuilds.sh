#!/bin/sh
# The Makefile builds anew what a change concerns, and nothing else. Tried on a tiny tree.
set -eu
cd "$(dirname "$0")/../.."

tree=$(mktemp -d "${TMPDIR:-/tmp}/allot-make.XXXXXX")
trap 'rm -rf "$tree"' EXIT
cp Makefile "$tree"
cd "$tree"
mkdir core server
echo 'int answer(void);' >core/answer.h
printf '#include "core/answer.h"\nint answer(void) { return ANSWER; }\n' >core/answer.c
printf 'int other(void);\nint other(void) { return 2; }\n' >core/other.c
printf '#include "core/answer.h"\nint main(void) { return answer() - 42; }\n' >server/main.c
unset MAKEFLAGS MFLAGS MAKELEVEL CFLAGS VARIANT CC

fail() {
    echo "$*" >&2
    exit 1
}

# compiled ARGUMENT...: builds, and prints the files that were compiled.
compiled() {
    make VERBOSE=1 CPPFLAGS=-DANSWER=42 "$@" all >log 2>&1 || {
        cat log >&2
        fail "the build failed"
    }
    sed -n 's/.* -c -o .* //p' log | sort | tr '\n' ' '
}

# expect WHAT WANTED GOT
expect() {
    [ "$2" = "$3" ] || fail "$1: compiled \"$3\", not \"$2\""
}

all='core/answer.c core/other.c server/main.c '
expect "first build" "$all" "$(compiled)"
expect "nothing changed" "" "$(compiled)"
build/allotd || fail "the program built is not right"

# Not by the clock, which may be coarser than a build is quick.
touch -d '1 minute' core/answer.h
expect "a header changed" "core/answer.c server/main.c " "$(compiled)"
touch core/answer.h
compiled >/dev/null
expect "other flags" "$all" "$(compiled CFLAGS=-DEXTRA=1)"
expect "same flags again" "" "$(compiled CFLAGS=-DEXTRA=1)"
expect "former flags" "$all" "$(compiled)"

# Another compiler has a folder of its own, so going back and forth compiles nothing twice.
expect "clang" "$all" "$(compiled CC=clang)"
expect "gcc again" "" "$(compiled)"
ln -s "$(command -v gcc)" other-gcc
expect "another gcc" "$all" "$(compiled CC=./other-gcc)"
expect "former gcc" "$all" "$(compiled)"

# A variant too; and the program is that of the variant asked for last.
expect "asan" "$all" "$(compiled VARIANT=asan)"
cmp -s build/allotd build/asan/allotd || fail "build/allotd is not the one of VARIANT=asan"
expect "release again" "" "$(compiled)"
cmp -s build/allotd build/release/allotd || fail "build/allotd is not the one of VARIANT=release"

# A header that is gone doesn't stop the build; a source that is gone leaves the archive.
sed -i 's/#include.*/int answer(void);/' core/answer.c server/main.c
rm core/answer.h core/other.c
touch -d '2 minutes' core/answer.c server/main.c
compiled >/dev/null
if ar t build/release/libcore.a | grep -q other; then
    fail "the archive still holds an object whose source is gone"
fi
