# title: a user, tap made with multi_queue: two queues, two of vhost
# user: user1
. /stage/rows/lib.sh
sudo ip tuntap add dev tap7 mode tap multi_queue user user1
sudo ip link set tap7 up
removed_at_end u2
spec u2 'network: { mode: tap, device: tap7, address: 10.78.0.7/24 }'
deploy u2
pid=$(qemu_of u2)
tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qE 'fds=[0-9]+:[0-9]+,vhost=on,vhostfds=[0-9]+:[0-9]+' || die "$(tr '\0' '\n' <"/proc/$pid/cmdline" | grep -A1 netdev)"
pgkvm stop u2
remove_anyhow u2
sudo ip tuntap del dev tap7 mode tap multi_queue
