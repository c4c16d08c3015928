# title: a user, bridge: what is printed as the remedy works on a fresh host as it is printed
# user: user1
# limit: 420
. /stage/rows/lib.sh
removed_at_end u1
spec u1 'network: { mode: bridge, device: br0, address: 10.77.0.7/24 }'
[ ! -e /etc/qemu ] || die "this host is not fresh: /etc/qemu is there"
import_guest
for round in 1 2 3; do
    if attempt deploy u1.yaml u1; then break; fi
    remedy=$(sed -n 's/.*as root: //p' u1.log | head -n 1)
    # What is still in the way then is not the bridge.
    [ -n "$remedy" ] || break
    note "seen: remedy, round $round: $remedy"
    sudo bash -ec "$remedy" || die "the printed remedy fails: $remedy"
done
[ -n "${remedy:-}" ] || is_running u1 || die "nothing is proposed:" "$(cat u1.log)"
[ -u /usr/lib/qemu/qemu-bridge-helper ] || die "the helper is not set-user-id"
grep -qx 'allow br0' /etc/qemu/bridge.conf || die "/etc/qemu/bridge.conf does not allow br0"
dpkg-statoverride --list /usr/lib/qemu/qemu-bridge-helper || die "the next update of the package takes the bit away"
