#!/bin/sh
# Installs what is missing of the Debian packages for the purposes named, and nothing else.
#
#   scripts/install.sh PURPOSE...      build, web, libraries, run, test, lint, coverage, deb or deploy
#
# Works as root, or through sudo. apt is asked only for packages that dpkg doesn't know as installed,
# so that a second run takes no time and needs no network. Exit status: 0 all there, 1 could not
# install, 2 wrong usage.
set -eu

attempts=3

# Debian's npm can't stand beside a Node.js from elsewhere, which brings its own: so what counts is
# whether there is the command.
package_unless_command() {
    command -v "$2" >/dev/null || echo "$1"
}

packages_for() {
    case $1 in
    build)
        echo gcc libc6-dev make pkgconf \
            libmicrohttpd-dev libjson-c-dev libsqlite3-dev libgnutls28-dev zlib1g-dev \
            libcurl4-gnutls-dev libprotobuf-c-dev protobuf-c-compiler
        ;;
    web) echo "$(package_unless_command nodejs node) $(package_unless_command npm npm)" ;;
    libraries)
        echo libmicrohttpd12 libjson-c5 libsqlite3-0 libgnutls30 zlib1g libcurl3-gnutls \
            libprotobuf-c1
        ;;
    # curl: for the quick start.
    run) echo "$(packages_for libraries) curl" ;;
    test)
        echo libcriterion-dev clang libclang-rt-dev clang-format curl jq etcd-server etcd-client \
            python3 python3-jsonschema python3-prometheus-client python3-kubernetes python3-yaml \
            prometheus docker-compose openssl chromium systemd lintian man-db
        ;;
    lint) echo clang-tidy cppcheck shellcheck ;;
    coverage) echo gcovr ;;
    deb) echo debhelper ;;
    deploy) echo debootstrap systemd-container ;;
    *) return 1 ;;
    esac
}

fail() {
    echo "install: $*" >&2
    exit 1
}

is_installed() {
    case $(dpkg-query --show --showformat='${db:Status-Abbrev}' "$1" 2>/dev/null) in
    ?i*) return 0 ;;
    *) return 1 ;;
    esac
}

# Prints those of the packages named that are not installed, each once.
missing_of() {
    for package in $(printf '%s\n' "$@" | sort -u); do
        is_installed "$package" || printf '%s ' "$package"
    done
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get \
        -o Acquire::Retries=3 -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 "$@" </dev/null
}

# A failed update is not the end: a source that we don't need may be the one that can't be reached.
install_packages() {
    attempt=1
    while :; do
        apt_get -qq update || echo "install: apt-get update failed" >&2
        apt_get -qq install --yes --no-install-recommends "$@" && return 0
        [ "$attempt" -lt "$attempts" ] || return 1
        echo "install: attempt $attempt of $attempts failed, trying again" >&2
        sleep "${ALLOT_INSTALL_PAUSE:-5}"
        attempt=$((attempt + 1))
    done
}

usage() {
    echo "usage: scripts/install.sh {build|web|libraries|run|test|lint|coverage|deb|deploy}..." >&2
    exit 2
}

[ $# -gt 0 ] || usage
wanted=
for purpose in "$@"; do
    wanted="$wanted $(packages_for "$purpose")" || usage
done

# The lists are words on purpose, here and below.
# shellcheck disable=SC2086
set -- $wanted

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    fail "needs Debian's dpkg and apt; elsewhere install the equivalents of: $*"
fi

missing=$(missing_of "$@")
[ -n "$missing" ] || exit 0

[ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null ||
    fail "run as root, or install sudo; missing packages: $missing"

echo "install: installing $missing"
# shellcheck disable=SC2086
install_packages $missing || fail "apt-get could not install: $missing"

missing=$(missing_of "$@")
[ -z "$missing" ] || fail "still missing after the installation: $missing"
