# title: a user, bridge: the set-user-id helper makes the tap, with vhost
# user: user1
# limit: 420
. /stage/rows/lib.sh
removed_at_end u1
# As an administrator has it, whatever the row before has left.
sudo install -d /etc/qemu
echo 'allow br0' | sudo tee /etc/qemu/bridge.conf >/dev/null
sudo chmod 4755 /usr/lib/qemu/qemu-bridge-helper
spec u1 'network: { mode: bridge, device: br0, address: 10.77.0.7/24 }'
deploy u1
pid=$(qemu_of u1)
[ "$(stat -c %U "/proc/$pid")" = user1 ] || die "QEMU is $(stat -c %U "/proc/$pid")'s"
tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qE 'fd=[0-9]+,vhost=on,vhostfd=[0-9]+' || die "$(tr '\0' '\n' <"/proc/$pid/cmdline" | grep -A1 netdev)"
[ "$(ls /sys/class/net/br0/brif | wc -w)" -eq 1 ] || die "on the bridge: $(ls /sys/class/net/br0/brif)"
pgkvm stop u1
is_bare() { [ -z "$(ls /sys/class/net/br0/brif)" ]; }
until_true 30 is_bare || die "still on the bridge: $(ls /sys/class/net/br0/brif)"
