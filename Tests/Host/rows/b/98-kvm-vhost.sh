# title: a real guest under KVM on the bridge: its packets go over vhost, whose threads work, and the tap counts them
# guest: the image that pgkvm builds
# limit: 5400
# The last row of all: a nested guest behind vhost has reset or hung the emulated host, which takes the rows after it along.
. /stage/rows/lib.sh
install -d "$HOME/.cache/pgkvm"
[ -d "$HOME/.cache/pgkvm/images" ] || cp -r /stage/images "$HOME/.cache/pgkvm/"
cat >wire.yaml <<'END'
formatVersion: 1
name: wire
machine: { accelerator: kvm, vcpus: 1, memory: 1GiB }
data: { size: 2GiB }
network: { mode: bridge, device: br0, address: 10.77.0.9/24 }
END
for _ in 1 2 3; do
    if pgkvm deploy wire.yaml --progress plain >>wire.log 2>&1 </dev/null; then deployed=yes && break; fi
    note "seen: deploy ended with $?, and is run again: $(grep -a 'error\[' wire.log | tail -n 1)"
done
[ -n "${deployed:-}" ] || die "deploy:" "$(tail -n 40 wire.log)"
pid=$(qemu_of wire)
tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qE 'fds?=[0-9:]+,vhost=on,vhostfds?=[0-9:]+' || die "QEMU has no vhost"
tap=$(sed -n 's/^iff:[[:space:]]*//p' /proc/"$pid"/fdinfo/* 2>/dev/null | head -n 1)
[ -n "$tap" ] || die "QEMU has no tap open"
carried() { cat "/sys/class/net/$tap/statistics/${1}_packets"; }
# The time on the processor of all threads of vhost, in clock ticks.
worked() { cat /proc/[0-9]*/task/*/stat 2>/dev/null | awk '/\(vhost-/ { sub(/.*\) /, ""); sum += $12 + $13 } END { print sum + 0 }'; }
rx=$(carried rx) tx=$(carried tx) ticks=$(worked)
[ "$(pgkvm psql wire -- -XqAtw -c "SELECT sum(length(repeat(md5(i::text), 1000))) FROM generate_series(1, 2000) i")" = 64000000 ] || die "the sum is wrong"
pgkvm psql wire -- -XqAtw -c "SELECT repeat(md5(i::text), 1000) FROM generate_series(1, 500) i" | wc -c | grep -qx 16000500 || die "not all came"
[ $(($(carried rx) - rx)) -gt 300 ] && [ $(($(carried tx) - tx)) -gt 50 ] || die "the tap carried $(($(carried rx) - rx)) and $(($(carried tx) - tx)) packets"
[ "$(worked)" -gt "$ticks" ] || die "no thread of vhost has worked"
note "seen: $(($(carried rx) - rx)) packets from the guest, $(($(carried tx) - tx)) to it, $(($(worked) - ticks)) ticks of vhost"
pgkvm delete wire --confirm wire
