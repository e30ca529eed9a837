#!/bin/sh
# Runs programs one after the other and fails if any of them fails, hangs, or has a sanitizer report.
#
#   scripts/run_tests.sh PROGRAM...
#
# The sanitizers write their reports into a directory of our own, because the exit status does not
# tell: under Criterion a leak is printed by the test's child and the program still exits with 0.
# The same holds for a server that a test starts and stops. A report file means failure.
set -eu

seconds=${ALLOT_TEST_TIMEOUT:-300}
work=$(mktemp -d "${TMPDIR:-/tmp}/allot-tests.XXXXXX")
trap 'rm -rf "$work"' EXIT
reports=$work/reports
mkdir "$reports"

common="log_path=$reports/report"
export ASAN_OPTIONS="$common:detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1"
export UBSAN_OPTIONS="$common:print_stacktrace=1:halt_on_error=1"
export TSAN_OPTIONS="$common:second_deadlock_stack=1:halt_on_error=0"
# What a program exits with after a report at its end: not what failing tests do.
reported=77
export LSAN_OPTIONS="exitcode=$reported"
# Tests that call make start one of their own, which shares no jobs with the one that called us.
unset MAKEFLAGS MFLAGS MAKELEVEL
# Let the child of each test leave through exit(), where leaks are looked for.
export CRITERION_NO_EARLY_EXIT=1

# The sanitizers' shadow memory collides with some kernels' wide address space randomisation.
unrandomised=
if setarch "$(uname -m)" -R true 2>/dev/null; then
    unrandomised="setarch $(uname -m) -R"
fi

# Criterion's runner, the parent of the tests, now and then leaks a few bytes of its own (2.4.1, once
# its last tests end at the same time). It runs nothing of ours: a leak of which no frame lies
# outside of Criterion's library is not looked at. Of a leak in a test, the first frame is the test's.
is_runners_own() {
    grep -q 'ERROR: LeakSanitizer' "$1" || return 1
    ! grep -E '^ +#[0-9]+ ' "$1" | grep -qv -e ' __interceptor_' -e '/libcriterion\.so' \
        -e ' __libc_start_' -e ' criterion_run_all_tests ' -e ' in _start '
}

# What failed is shown once more at the end: of a long run that may be all that is kept.
LAST_LINES=20

failed=
for program in "$@"; do
    echo "---- $program"
    status=0
    # shellcheck disable=SC2086
    timeout --kill-after=10 "$seconds" $unrandomised "$program" </dev/null \
        >"$work/output" 2>&1 || status=$?
    cat "$work/output"
    for report in "$reports"/*; do
        if [ -e "$report" ] && is_runners_own "$report"; then
            rm -f "$report"
            [ "$status" -ne "$reported" ] || status=0
        fi
    done
    if [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; then
        echo "run_tests: $program: stopped, it took longer than $seconds seconds" | tee -a "$work/output"
    elif [ "$status" -ne 0 ]; then
        echo "run_tests: $program: exit status $status" | tee -a "$work/output"
    fi
    for report in "$reports"/*; do
        [ -e "$report" ] || continue
        echo "run_tests: $program: sanitizer report" | cat - "$report"
        head -n 12 "$report" >>"$work/output"
        rm -f "$report"
        status=1
    done
    if [ "$status" -ne 0 ]; then
        failed="$failed $program"
        { echo "---- the last of $program" && tail -n "$LAST_LINES" "$work/output"; } >>"$work/failed"
    fi
done

if [ -n "$failed" ]; then
    cat "$work/failed" >&2
    echo "run_tests: FAILED:$failed" >&2
    exit 1
fi
