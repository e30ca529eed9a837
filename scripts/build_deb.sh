#!/bin/sh
# Puts a Debian package together, by debhelper, of the allotd named and of what deploy/debian says:
# allotd_VERSION_ARCHITECTURE.deb, in the folder named.
#
#   scripts/build_deb.sh ALLOTD FOLDER
#
# Its dates are those of the last commit, or of $SOURCE_DATE_EPOCH, so that the same sources make the
# same package.
set -eu
[ $# -eq 2 ] || { echo "usage: scripts/build_deb.sh ALLOTD FOLDER" >&2; exit 2; }
allotd=$(realpath "$1")
folder=$(realpath "$2")
cd "$(dirname "$0")/.."
command -v dh >/dev/null || { echo "packages are made by debhelper (scripts/install.sh deb)" >&2; exit 1; }

: "${SOURCE_DATE_EPOCH:=$(git log -1 --format=%ct 2>/dev/null || date +%s)}"
export SOURCE_DATE_EPOCH
version=$("$allotd" --version | cut -d ' ' -f 2)
maintainer=$(sed -n 's/^Maintainer: //p' deploy/debian/control)

stage=$folder/deb/allot
rm -rf "$folder/deb" "$folder"/allotd_*.deb
mkdir -p "$stage/deploy" "$stage/docs"
cp -r deploy/debian README.md CHANGELOG.md examples "$stage"
cp docs/*.md docs/*.png docs/*.svg "$stage/docs"
cp -r deploy/README.md deploy/compose deploy/grafana deploy/kubernetes deploy/prometheus deploy/systemd "$stage/deploy"
cp deploy/systemd/allotd.service "$stage/debian"
cp "$allotd" "$stage/allotd"
scripts/man_page.sh "$allotd" "$(date -u -d "@$SOURCE_DATE_EPOCH" +%F)" >"$stage/allotd.8"
cat >"$stage/debian/changelog" <<END
allot ($version-1) unstable; urgency=medium

  * allot $version: see changelog.gz.

 -- $maintainer  $(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")
END

cd "$stage"
umask 022
DH_QUIET=1 MAKEFLAGS=-s debian/rules binary >../log 2>&1 || { cat ../log >&2; exit 1; }
mv ../*.deb "$folder"
