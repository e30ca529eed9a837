# shellcheck shell=sh
# The part of try_package.sh that is on the system with systemd, as root, and without a network.
set -eu

url=http://127.0.0.1:8080

fail() {
    echo "guest: $*"
    systemctl status --no-pager --full --lines 20 allotd.service || true
    exit 1
}

# until_true WHAT COMMAND...: for a minute.
until_true() {
    what=$1
    shift
    tries=0
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ "$tries" -lt 600 ] || fail "$what"
        sleep 0.1
    done
}

serves() {
    until_true "it doesn't serve at $url" curl -fsS "$url/readyz"
}

property() {
    systemctl show --value --property "$1" allotd.service
}

has_status() {
    [ "$(property StatusText)" = "$1" ]
}

has_restarted() {
    [ "$(property NRestarts)" -gt "$1" ]
}

echo "install: it is enabled, runs, and leads"
dpkg --install /allotd.deb >/dev/null
systemctl --quiet is-enabled allotd.service || fail "it is not enabled"
serves
until_true "it doesn't tell that it leads" has_status Leading
user=$(stat -c %u "/proc/$(property MainPID)")
if [ "$user" -lt 61184 ] || [ "$user" -gt 65519 ]; then
    fail "it runs as $user, no user of its own"
fi
[ "$(stat -c %a /var/lib/private/allot)" = 700 ] || fail "others may look at its state"
systemd-analyze --no-pager --threshold=19 security allotd.service | tail -n 1 || fail "it is too open"
curl -fsS -o /dev/null -X PUT "$url/v1/items/kept" --json '{"replication": 1}'

echo "reload: it goes on, though there is nothing to read"
main=$(property MainPID)
systemctl reload allotd.service
[ "$(property ActiveState)/$(property MainPID)" = "active/$main" ] || fail "it has ended"

echo "signals for the log"
systemctl kill --kill-who=main --signal=USR1 allotd.service
curl -fsS -o /dev/null "$url/v1/items/kept"
logs_request() {
    journalctl --unit allotd.service --output cat | grep 'level=debug msg=request .*path=/v1/items/kept'
}
until_true "it doesn't log everything" logs_request
systemctl kill --kill-who=main --signal=USR2 allotd.service

echo "watchdog: a process that is stuck is started anew"
mkdir -p /run/systemd/system/allotd.service.d
printf '[Service]\nWatchdogSec=3\n' >/run/systemd/system/allotd.service.d/watchdog.conf
systemctl daemon-reload
systemctl restart allotd.service
serves
[ "$(property NRestarts)" = 0 ] || fail "it was started anew before"
sleep 10 # of which it needs none, if it is fed
[ "$(property NRestarts)" = 0 ] || fail "it was started anew, though it gets on"
systemctl kill --kill-who=main --signal=STOP allotd.service
until_true "it was not started anew" has_restarted 0
serves
curl -fsS -o /dev/null "$url/v1/items/kept" || fail "what it has acknowledged is lost"
rm /run/systemd/system/allotd.service.d/watchdog.conf
systemctl daemon-reload

echo "configuration: it is read, kept, and a bad one is not tried again and again"
echo ALLOT_LISTEN=127.0.0.1:8081 >>/etc/default/allotd
systemctl restart allotd.service
url=http://127.0.0.1:8081
serves
dpkg --install /allotd.deb >/dev/null
serves # where it was told to: the package has not replaced that
echo ALLOT_THREADS=none >>/etc/default/allotd
! systemctl restart allotd.service 2>/dev/null || fail "it runs by a bad configuration"
[ "$(property Result)/$(property ExecMainStatus)" = exit-code/2 ] || fail "it has not said so"
[ "$(property ActiveState)" = failed ] || fail "it is tried again"
sed -i '/ALLOT_THREADS/d' /etc/default/allotd
systemctl restart allotd.service
serves

echo "remove: it ends, and leaves its state and its configuration"
dpkg --remove allotd >/dev/null
! systemctl --quiet is-active allotd.service || fail "it runs on"
[ -e /var/lib/private/allot/history.db ] || fail "its state is gone"
dpkg --install /allotd.deb >/dev/null
serves
curl -fsS -o /dev/null "$url/v1/items/kept" || fail "what it had is lost"

echo "purge: nothing is left"
dpkg --purge allotd >/dev/null 2>&1
left=$(find / -xdev -path /proc -prune -o -path /sys -prune -o -path /var/log -prune \
    -o -name '*allot*' ! -name allotd.deb -print)
[ -z "$left" ] || fail "left: $left"
echo "all is well"
