#!/bin/sh
# scripts/install.sh asks apt for what is missing only, and for nothing when nothing is.
# dpkg-query and apt-get are stand-ins here: a file lists what is installed.
set -eu
cd "$(dirname "$0")/../.."

stand_ins=$(mktemp -d "${TMPDIR:-/tmp}/allot-install.XXXXXX")
trap 'rm -rf "$stand_ins"' EXIT
export STAND_INS="$stand_ins" ALLOT_INSTALL_PAUSE=0

cat >"$stand_ins/dpkg-query" <<'END'
#!/bin/sh
for package; do :; done
[ -e "$STAND_INS/all" ] && [ ! -e "$STAND_INS/without-$package" ] && { printf 'ii '; exit 0; }
exit 1
END
# Fails as often as the file "failures" has lines.
cat >"$stand_ins/apt-get" <<'END'
#!/bin/sh
echo "$*" >>"$STAND_INS/asked"
case $* in *" install "*) ;; *) exit 0 ;; esac
if [ -s "$STAND_INS/failures" ]; then
    sed -i 1d "$STAND_INS/failures"
    exit 100
fi
rm -f "$STAND_INS"/without-*
END
cat >"$stand_ins/sudo" <<'END'
#!/bin/sh
exec "$@"
END
chmod +x "$stand_ins/dpkg-query" "$stand_ins/apt-get" "$stand_ins/sudo"
touch "$stand_ins/all" "$stand_ins/asked"
purposes="build web libraries run test lint coverage deb deploy"

fail() {
    echo "$*" >&2
    sed 's/^/apt-get was asked: /' "$stand_ins/asked" >&2
    exit 1
}

install_all() {
    : >"$stand_ins/asked"
    # shellcheck disable=SC2086
    PATH="$stand_ins:$PATH" scripts/install.sh $purposes >"$stand_ins/output" 2>&1
}

install_all || fail "fails where all is installed"
[ ! -s "$stand_ins/asked" ] || fail "all is installed, yet apt-get was asked"

touch "$stand_ins/without-cppcheck" "$stand_ins/without-gcc"
install_all || fail "can't install two missing packages"
[ "$(grep -c ' install ' "$stand_ins/asked")" -eq 1 ] || fail "not one installation"
grep -q ' install .* cppcheck gcc$' "$stand_ins/asked" || fail "not just the missing packages"
install_all || fail "fails the second time"
[ ! -s "$stand_ins/asked" ] || fail "the second run asked apt-get"

touch "$stand_ins/without-gcc"
printf '1\n2\n' >"$stand_ins/failures"
install_all || fail "doesn't try again"

touch "$stand_ins/without-gcc"
printf '1\n2\n3\n4\n5\n' >"$stand_ins/failures"
if install_all; then fail "apt-get failed, yet the script succeeded"; fi
grep -q 'could not install: gcc' "$stand_ins/output" || fail "no clear message"

# Whoever has node and npm from elsewhere keeps them: what counts is whether there are the commands.
tools="$stand_ins/tools"
mkdir "$tools"
for tool in env id rm sed sh sort; do ln -s "$(command -v "$tool")" "$tools/$tool"; done
touch "$stand_ins/without-nodejs" "$stand_ins/without-npm"
: >"$stand_ins/asked"
PATH="$stand_ins:$tools" scripts/install.sh web >"$stand_ins/output" 2>&1 || fail "can't install node"
grep -q ' install .* nodejs npm$' "$stand_ins/asked" || fail "not both of node and npm"
touch "$stand_ins/without-nodejs" "$stand_ins/without-npm"
: >"$stand_ins/asked"
for command in node npm; do
    printf '#!/bin/sh\n' >"$tools/$command"
    chmod +x "$tools/$command"
done
PATH="$stand_ins:$tools" scripts/install.sh web >"$stand_ins/output" 2>&1 || fail "fails with node from elsewhere"
[ ! -s "$stand_ins/asked" ] || fail "node is there from elsewhere, yet apt-get was asked"
rm -f "$stand_ins"/without-*

if scripts/install.sh build nonsense >/dev/null 2>&1; then fail "takes unknown purposes"; fi
