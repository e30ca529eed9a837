#!/bin/sh
# Runs the fuzzers on what is kept of them, and on from there.
#
#   scripts/fuzz.sh LIMIT PROGRAM...
#
# LIMIT is for each: a number of inputs ("20000"), or of seconds ("600s"); with seconds, what was
# found is then added to what is kept. Inputs are kept, smallest first, in tests/fuzz/corpus/NAME, one
# a line in base64. What breaks a program is left in tests/fuzz/crashers/NAME, which is tried before
# anything else: it is to stay there once it is repaired. Exit status: 0 nothing was found, 1 something
# was, 2 wrong usage.
set -eu
[ $# -ge 2 ] || { sed -n 's/^# \{0,1\}//p' "$0" >&2; exit 2; }
limit=$1
shift
case $limit in
*s) bound=-max_total_time=${limit%s} ;;
*) bound=-runs=$limit ;;
esac
work=$(mktemp -d "${TMPDIR:-/tmp}/allot-fuzz.XXXXXX")
trap 'rm -rf "$work"' EXIT
status=0

unpack() {
    number=0
    while read -r line; do
        number=$((number + 1))
        printf %s "$line" | base64 -d >"$2/$number"
    done <"$1"
}

pack() {
    find "$1" -type f -printf '%s %p\n' | sort -n | while read -r _ file; do
        base64 -w 0 "$file"
        echo
    done >"$2"
}

for program in "$@"; do
    name=${program##*/fuzz_}
    corpus=$work/$name
    crashers=tests/fuzz/crashers/$name
    mkdir -p "$corpus" "$work/merged-$name"
    [ ! -f "tests/fuzz/corpus/$name" ] || unpack "tests/fuzz/corpus/$name" "$corpus"
    set -- -seed=1 -timeout=10 -rss_limit_mb=2048 -max_len=4096 -print_final_stats=1 -verbosity=0
    if [ -d "$crashers" ]; then
        "$program" "$@" "$crashers"/* || status=1
    fi
    mkdir -p "$work/found"
    "$program" "$@" "$bound" -artifact_prefix="$work/found/" "$corpus" >"$work/log" 2>&1 || status=1
    sed -n 's/^stat::number_of_executed_units: */'"$name"': inputs tried: /p' "$work/log"
    for found in "$work"/found/*; do
        [ -f "$found" ] || continue
        cat "$work/log" >&2
        mkdir -p "$crashers"
        cp "$found" "$crashers"
    done
    rm -rf "$work/found"
    case $limit in
    *s)
        "$program" -merge=1 -verbosity=0 "$work/merged-$name" "$corpus" >/dev/null 2>&1
        mkdir -p tests/fuzz/corpus
        pack "$work/merged-$name" "tests/fuzz/corpus/$name"
        ;;
    esac
done
[ "$status" -eq 0 ] && echo "fuzz: nothing found"
exit "$status"
