# title: root, bridge: a tap with a queue a processor, vhost, on the bridge; gone after stop
. /stage/rows/lib.sh
removed_at_end p6
spec p6 'network: { mode: bridge, device: br0, address: 10.77.0.6/24 }'
deploy p6
pid=$(qemu_of p6)
tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qE 'fds=[0-9]+:[0-9]+,vhost=on,vhostfds=[0-9]+:[0-9]+' || die "$(tr '\0' '\n' <"/proc/$pid/cmdline" | grep -A1 netdev)"
taps=$(ls /sys/class/net/br0/brif)
[ "$(wc -w <<<"$taps")" -eq 1 ] || die "on the bridge: $taps"
# A queue is an open device; the kernel shows only those that a driver in the guest has taken.
queues=$(find "/proc/$pid/fd" -lname /dev/net/tun | wc -l)
[ "$queues" -eq 2 ] || die "$queues queues are open"
vhost=$(ps -e -T -o comm= | grep -c '^vhost-' || true)
[ "$vhost" -eq 2 ] || die "$vhost threads of vhost"
pgkvm stop p6
is_bare() { [ -z "$(ls /sys/class/net/br0/brif)" ]; }
until_true 30 is_bare || die "still on the bridge: $(ls /sys/class/net/br0/brif)"
note "seen: $taps with $queues queues and $vhost threads of vhost"
