#!/bin/sh
# The Debian package, of the allotd that is tried here: what lintian says of it, what is in it and how
# that fits together, and that it is the same when it is made again. What becomes of it on a system
# is tried by tests/deploy/try_package.sh.
set -eu
cd "$(dirname "$0")/../.."
. tests/scripts/stage.sh

export SOURCE_DATE_EPOCH=1767225600
mkdir "$tree/once" "$tree/again"
scripts/build_deb.sh "$ALLOTD" "$tree/once"
scripts/build_deb.sh "$ALLOTD" "$tree/again"
cmp "$tree"/once/*.deb "$tree"/again/*.deb || fail "made again, it is another one"
package=$(echo "$tree"/once/*.deb)
lintian --fail-on error,warning "$package" >"$tree/output" 2>&1 || fail "lintian finds faults"

dpkg-deb --raw-extract "$package" "$tree/root"
version=$(sed -n 's/^#define ALLOT_VERSION "\(.*\)"/\1/p' server/version.h)
[ "$(dpkg-deb -f "$package" Version)" = "$version-1" ] || fail "another version"
[ "$(cat "$tree/root/DEBIAN/conffiles")" = /etc/default/allotd ] || fail "other conffiles"
program=$(sed -n 's/^ExecStart=\([^ ]*\).*/\1/p' "$tree/root/lib/systemd/system/allotd.service")
[ "$("$tree/root$program" --version)" = "allotd $version" ] || fail "not the program of the unit"

# Each variable of the default configuration is a flag's.
"$ALLOTD" serve --help >"$tree/help"
sed -n 's/^#\(ALLOT_[A-Z_]*\)=.*/\1/p' "$tree/root/etc/default/allotd" >"$tree/variables"
[ -s "$tree/variables" ] || fail "no variable in the default configuration"
while read -r variable; do
    grep -q " $variable\$" "$tree/help" || fail "no flag of serve has $variable"
done <"$tree/variables"

# The manual page has each flag of either command, and troff no complaint.
man_page=$tree/root/usr/share/man/man8/allotd.8.gz
MANWIDTH=120 man --warnings --local-file "$man_page" 2>"$tree/output" >"$tree/page"
[ ! -s "$tree/output" ] || fail "troff complains of the manual page"
"$ALLOTD" member --help >>"$tree/help"
grep -o '^  --[a-z-]*' "$tree/help" | sort -u | grep -v -e --help -e --version |
    while read -r flag; do
        grep -q -e "^ *$flag\\b" "$tree/page" || fail "no $flag in the manual page"
    done
