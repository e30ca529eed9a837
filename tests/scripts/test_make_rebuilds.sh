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
printf 'syntax = "proto3";\nmessage Asked { int64 revision = 1; }\n' >server/etcd_messages.proto
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

messages='build/proto/etcd_messages.pb-c.c '
all="${messages}core/answer.c core/other.c server/main.c "
expect "first build" "$all" "$(compiled)"
expect "nothing changed" "" "$(compiled)"
build/allotd || fail "the program built is not right"

# Not by the clock, which may be coarser than a build is quick.
touch -d '1 minute' core/answer.h
expect "a header changed" "core/answer.c server/main.c " "$(compiled)"
touch core/answer.h
compiled >/dev/null
touch -d '1 minute' server/etcd_messages.proto
expect "the messages changed" "$messages" "$(compiled)"
touch server/etcd_messages.proto
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

# The dashboard is bundled anew when something of it has changed, and never for the rest; here by
# stand-ins for node and npm. It can be left out.
touch core/answer.c server/main.c
compiled >/dev/null
mkdir -p bin web/src
# shellcheck disable=SC2016
printf '#!/bin/sh\nmkdir -p "$2" && echo "#define TITLE \\"$(cat web/src/main.tsx)\\"" >"$2/files.h"\n' >bin/node
printf '#!/bin/sh\necho "$*" >>npm-was-asked\n' >bin/npm
chmod +x bin/node bin/npm
PATH=$PWD/bin:$PATH
echo '{}' | tee web/package.json web/package-lock.json web/.npmrc >web/build.mjs
echo 'first title' >web/src/main.tsx
cat >server/dashboard.c <<'END'
#ifdef ALLOT_DASHBOARD
#include "build/web/files.h"
#else
#define TITLE "none"
#endif
const char *title(void);
const char *title(void) { return TITLE; }
END
expect "with a dashboard" "server/dashboard.c " "$(compiled)"
grep -q 'ci .*--ignore-scripts.*--omit=dev' npm-was-asked || fail "npm was not asked for what the lock file names"
strings build/release/libserver.a | grep -q 'first title' || fail "the dashboard is not in it"
expect "the dashboard again" "" "$(compiled)"
echo 'second title' >web/src/main.tsx
touch -d '3 minutes' web/src/main.tsx
expect "another dashboard" "server/dashboard.c " "$(compiled)"
strings build/release/libserver.a | grep -q 'second title' || fail "the dashboard is the former one"
[ "$(wc -l <npm-was-asked)" -eq 1 ] || fail "npm was asked again"
expect "without it" "server/dashboard.c " "$(compiled WEB=no)"
strings build/release/libserver.a | grep -q 'second title' && fail "the dashboard is still in it"
expect "without it again" "" "$(compiled WEB=no)"
