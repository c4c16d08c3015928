# title: after stop and delete of all three nothing of pgkvm's is left: no failed unit, process, tap or file
# reboot: first
# limit: 420
. /stage/rows/lib.sh
for name in b1 b2; do pgkvm stop $name; pgkvm delete $name --confirm $name; done
by_login user1 'pgkvm stop b3; pgkvm delete b3 --confirm b3; [ -z "$(systemctl --user list-units --failed --plain --no-legend)" ]'
until_true 60 bash -c '[ -z "$(systemctl list-units --plain --no-legend "pgkvm-*.service" "pgkvm@*.service")" ]' ||
    die "units are left:" "$(systemctl list-units --plain --no-legend 'pgkvm*')"
[ -z "$(pgrep -x qemu-system-x86 || true)" ] || die "QEMU runs: $(pgrep -a -f qemu-system)"
[ -z "$(ls /sys/class/net/br0/brif)" ] || die "on the bridge: $(ls /sys/class/net/br0/brif)"
[ -z "$(ls /etc/systemd/system/pgkvm* /etc/systemd/system/*/pgkvm* 2>/dev/null || true)" ] || die "unit files are left"
[ -z "$(systemctl list-units --failed --plain --no-legend)" ] || die "failed units:" "$(systemctl list-units --failed --plain --no-legend)"
