# title: remedies work on this fresh host as they are printed: lingering, the stop limit of a user's services, libvirt's daemon, pool and network
# limit: 600
. /stage/rows/lib.sh
limit=/etc/systemd/system/user@1000.service.d
# The rows that follow find the host as it was.
undo() {
    rm -rf $limit
    systemctl daemon-reload
    systemctl start libvirtd.socket libvirtd.service
    by_login user2 'remove_anyhow u5'
    loginctl disable-linger user2
}
trap undo EXIT
# follow FILE PATTERN [END]: runs the command that the file names as a remedy and that matches, up to what is no command any more.
follow() {
    local line
    line=$(grep -oE "try: .*" "$1" | grep -oE "$2.*" | head -n 1)
    [ -z "${3:-}" ] || line=${line%%"$3"*}
    [ -n "$line" ] || die "no such remedy is printed:" "$(cat "$1")"
    note "seen: $line"
    bash -ec "${line//DIRECTORY//var/lib/libvirt/images}" >follow.log 2>&1 || die "the printed remedy fails: $line" "$(cat follow.log)"
}

by_login user2 'spec u5; deploy u5; if pgkvm autostart u5 on; then die "promised without lingering"; fi' >lingering.log 2>&1
follow lingering.log 'sudo loginctl'
by_login user2 'pgkvm autostart u5 on && pgkvm autostart u5 off' >/dev/null

by_login user1 'pgkvm doctor 2>&1 || true' >limit.log
follow limit.log 'sudo mkdir -p /etc/systemd'
by_login user1 'pgkvm doctor 2>&1 || true' >after.log
# Doctor has a line for it only where something is wrong.
! grep host.shutdown after.log || die "the limit is still too short"

backend=', backend: libvirt'
spec v3 'network: { mode: nat, device: default }'
sed -i 's/layout: overlay/layout: copy/' v3.yaml
import_guest
systemctl stop libvirtd.service 'libvirtd*.socket'
# A plan that says what is missing is no failure of the command.
plan() { pgkvm plan v3.yaml >plan.log 2>&1 && ! grep -q 'it would be refused' plan.log; }
if plan; then die "planned without a daemon:" "$(cat plan.log)"; fi
follow plan.log 'sudo systemctl start libvirtd' ' ('
install -d /var/lib/libvirt/images
for round in 1 2 3 4; do
    if plan; then break; fi
    follow plan.log 'virsh '
done
plan || die "after $round remedies:" "$(cat plan.log)"
