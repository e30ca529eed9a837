#!/bin/sh
# Prints the manual page allotd(8): docs/allotd.8.in, with what allotd's --help says of its commands
# and flags.
#
#   scripts/man_page.sh ALLOTD DATE
set -eu
[ $# -eq 2 ] || { echo "usage: scripts/man_page.sh ALLOTD DATE" >&2; exit 2; }
allotd=$1
date=$2
cd "$(dirname "$0")/.."

page=$(mktemp -d "${TMPDIR:-/tmp}/allot-man.XXXXXX")
trap 'rm -rf "$page"' EXIT

# Text as troff takes it: a hyphen isn't a dash, and no line is a request.
escape='s/\\/\\e/g; s/-/\\-/g; s/^\([.'"'"']\)/\\\&\1/'

# Lines "  NAME  TEXT", up to an empty one.
commands() {
    "$allotd" --help | sed -n '3,/^$/p' | sed -n "$escape"'
        s/^  \([^ ]*\)  *\(.*\)/.TP\n.B \1\n\2/p'
}

# Lines "  --FLAG METAVARIABLE  VARIABLE", each with a line of text below.
flags() {
    sed -n "$escape"'
        s/^  \(\\-\\-[^ ]*\)  *\(ALLOT_[A-Z_]*\)$/.TP\n.BR \1 ", " \2/p
        s/^  \(\\-\\-[^ ]*\) \([^ ]*\)  *\(ALLOT_[A-Z_]*\)$/.TP\n\\fB\1\\fR \\fI\2\\fR, \\fB\3\\fR/p
        s/^      //p'
}

# The blocks of $2 that $1 hasn't.
blocks_only_in() {
    awk -v RS='.TP\n' 'NR == FNR { has[$0] = 1; next } !($0 in has) { printf ".TP\n%s", $0 }' \
        "$1" "$2"
}

commands >"$page/commands"
"$allotd" serve --help | flags >"$page/serve"
"$allotd" member --help | flags >"$page/all-of-member"
blocks_only_in "$page/serve" "$page/all-of-member" >"$page/member"
version=$("$allotd" --version | cut -d ' ' -f 2)

sed -e "s/@DATE@/$date/; s/@VERSION@/$version/" \
    -e "/^@COMMANDS@$/{r $page/commands
        d}" \
    -e "/^@SERVE@$/{r $page/serve
        d}" \
    -e "/^@MEMBER@$/{r $page/member
        d}" docs/allotd.8.in
