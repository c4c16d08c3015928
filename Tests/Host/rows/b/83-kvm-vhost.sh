# title: its packets go over vhost: the threads that carry them work, the tap counts them
# guest: of row 82
. /stage/rows/lib.sh
pid=$(qemu_of demo)
tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qE 'fds?=[0-9:]+,vhost=on,vhostfds?=[0-9:]+' || die "QEMU has no vhost"
tap=$(sed -n 's/^iff:[[:space:]]*//p' /proc/"$pid"/fdinfo/* 2>/dev/null | head -n 1)
[ -n "$tap" ] || die "QEMU has no tap open"
carried() { cat "/sys/class/net/$tap/statistics/${1}_packets"; }
# The time on the processor of all threads of vhost, in clock ticks.
worked() { cat /proc/[0-9]*/task/*/stat 2>/dev/null | awk '/\(vhost-/ { sub(/.*\) /, ""); sum += $12 + $13 } END { print sum + 0 }'; }
rx=$(carried rx) tx=$(carried tx) ticks=$(worked)
[ "$(pgkvm psql demo -- -XqAtw -c "SELECT sum(length(repeat(md5(i::text), 1000))) FROM generate_series(1, 2000) i")" = 64000000 ] || die "the sum is wrong"
pgkvm psql demo -- -XqAtw -c "SELECT repeat(md5(i::text), 1000) FROM generate_series(1, 500) i" | wc -c | grep -qx 16000500 || die "not all came"
[ $(($(carried rx) - rx)) -gt 300 ] && [ $(($(carried tx) - tx)) -gt 50 ] || die "the tap carried $(($(carried rx) - rx)) and $(($(carried tx) - tx)) packets"
[ "$(worked)" -gt "$ticks" ] || die "no thread of vhost has worked"
note "seen: $(($(carried rx) - rx)) packets from the guest, $(($(carried tx) - tx)) to it, $(($(worked) - ticks)) ticks of vhost"
