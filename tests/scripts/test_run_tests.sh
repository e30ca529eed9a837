#!/bin/sh
# scripts/run_tests.sh fails for each kind of fault, above all for those that leave exit status 0.
set -eu
cd "$(dirname "$0")/../.."

tree=$(mktemp -d "${TMPDIR:-/tmp}/allot-runner.XXXXXX")
trap 'rm -rf "$tree"' EXIT
# This runs below the same script: what a planted fault reports must not reach the outer run.
unset ASAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS LSAN_OPTIONS

fail() {
    echo "$*" >&2
    cat "$tree/output" >&2
    exit 1
}

# compile NAME FLAG... <SOURCE
compile() {
    name=$1
    shift
    cat >"$tree/$name.c"
    gcc -std=c17 -D_GNU_SOURCE -g -o "$tree/$name" "$tree/$name.c" "$@" 2>"$tree/output" ||
        fail "$name doesn't compile"
}

# expect_failure PROGRAM TEXT: the run fails, names the program, and shows the text, at its end too.
expect_failure() {
    if scripts/run_tests.sh "$tree/fine" "$tree/$1" "$tree/fine" >"$tree/output" 2>&1; then
        fail "$1: not noticed"
    fi
    grep -q "FAILED: $tree/$1\$" "$tree/output" || fail "$1: not named, or another too"
    grep -q "$2" "$tree/output" || fail "$1: doesn't show: $2"
    sed "1,/^---- the last of/d" "$tree/output" | grep -q "$2" || fail "$1: not shown at the end: $2"
}

criterion_test='#include <criterion/criterion.h>
#include <stdlib.h>
static void *volatile kept;
Test(planted, test) {'

compile fine -fsanitize=address,undefined -lcriterion <<END
$criterion_test kept = malloc(9); free(kept); }
END
compile leak -fsanitize=address,undefined -lcriterion <<END
$criterion_test kept = malloc(9); kept = NULL; }
END
compile failing -lcriterion <<END
$criterion_test cr_assert(kept); }
END
# The fault is in a child that nobody waits on with an eye on its status, as with a server.
compile child -fsanitize=address <<END
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void)
{
    char *volatile gone = malloc(9);
    free(gone);
    if (fork() == 0) {
        return *gone;
    }
    wait(NULL);
    return 0;
}
END
compile undefined -fsanitize=undefined <<END
int main(int argc, char **argv) { return (argc + 0x7fffffff) * (argv == 0); }
END
compile race -fsanitize=thread -pthread <<END
#include <pthread.h>
#include <unistd.h>
static int shared;
static void *add(void *unused) { shared++; return unused; }
int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, add, NULL);
    shared++;
    pthread_join(thread, NULL);
    _exit(0);
}
END
printf '#!/bin/sh\nexec sleep 60\n' >"$tree/hanging"
chmod +x "$tree/hanging"

# A leak as Criterion's runner has it, and the same with a frame of somebody else's.
cat >"$tree/own" <<'END'
#!/bin/sh
path=${ASAN_OPTIONS#*log_path=}
cat >"${path%%:*}.1" <<REPORT
==1==ERROR: LeakSanitizer: detected memory leaks

Direct leak of 48 byte(s) in 1 object(s) allocated from:
    #0 0x7ffff78b83b7 in __interceptor_calloc asan_malloc_linux.cpp:77
    #1 0x7ffff7f47332  (/lib/libcriterion.so.3+0x1a332)${FRAME:-}

SUMMARY: AddressSanitizer: 48 byte(s) leaked in 1 allocation(s).
REPORT
exit "${LSAN_OPTIONS#exitcode=}"
END
chmod +x "$tree/own"

# The premise: a leak in a Criterion test does not show in the exit status.
"$tree/leak" >"$tree/output" 2>&1 || fail "Criterion has learnt to fail: this runner can be simpler"

scripts/run_tests.sh "$tree/fine" >"$tree/output" 2>&1 || fail "a program without fault fails"
grep -q 'Synthesis: Tested: 1' "$tree/output" || fail "Criterion's closing line is not shown"
scripts/run_tests.sh "$tree/own" >"$tree/output" 2>&1 || fail "a leak of Criterion's counts"
FRAME='
    #2 0x555555555555 in planted tests/planted.c:1'
export FRAME
expect_failure own 'in planted'
unset FRAME
expect_failure leak 'LeakSanitizer'
expect_failure failing 'exit status'
expect_failure child 'heap-use-after-free'
expect_failure undefined 'signed integer overflow'
expect_failure race 'data race'
ALLOT_TEST_TIMEOUT=1 expect_failure hanging 'took longer'
