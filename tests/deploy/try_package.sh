#!/bin/sh
# Tries a Debian package on a system of its own: bookworm, made by debootstrap, first without a
# running systemd, then started by systemd-nspawn, with systemd, and without a network.
#
#   tests/deploy/try_package.sh PACKAGE
#
# As root, with debootstrap, systemd-container and a mirror of Debian; it takes some minutes. What happens
# there is in package_guest.sh.
set -eu
[ $# -eq 1 ] || { echo "usage: tests/deploy/try_package.sh PACKAGE" >&2; exit 2; }
package=$(realpath "$1")
cd "$(dirname "$0")"

root=$(mktemp -d "${TMPDIR:-/tmp}/allot-guest.XXXXXX")
trap 'rm -rf --one-file-system "$root"' EXIT
chmod 755 "$root" # others than root live there too

fail() {
    echo "try_package: $*" >&2
    exit 1
}

in_root() {
    DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"
}

echo "---- a system"
debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,curl,ca-certificates \
    bookworm "$root" >"$root.log" 2>&1 || { tail "$root.log" >&2; fail "no system"; }
rm "$root.log"
cp "$package" "$root/allotd.deb"

echo "---- without systemd: it brings what it needs, and starts nothing"
in_root apt-get -qq install --yes --no-install-recommends /allotd.deb >/dev/null
in_root allotd --version
in_root test ! -e /var/lib/private/allot || fail "something was started"
in_root apt-get -qq purge --yes allotd >/dev/null
in_root test ! -e /etc/default/allotd || fail "its configuration is left"

echo "---- with systemd"
cp package_guest.sh "$root/guest.sh"
cat >"$root/etc/systemd/system/guest.service" <<'END'
[Unit]
SuccessAction=exit
FailureAction=exit
[Service]
Type=oneshot
ExecStart=/bin/sh /guest.sh
StandardOutput=truncate:/guest.log
StandardError=inherit
[Install]
WantedBy=multi-user.target
END
in_root systemctl --quiet enable guest.service
status=0
timeout 300 systemd-nspawn --quiet --register=no --keep-unit --private-network \
    --directory "$root" --boot >"$root/boot.log" 2>&1 </dev/null || status=$?
cat "$root/guest.log" || tail "$root/boot.log"
[ "$status" -eq 0 ] || fail "it went wrong there: status $status"
grep -qx "all is well" "$root/guest.log" || fail "it did not come to its end"
