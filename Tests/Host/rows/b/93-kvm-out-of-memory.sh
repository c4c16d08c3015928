# title: the kernel's OOM killer ends QEMU: status says off, start brings the row back, the data is whole
# reboot: first
# guest: of row 82
# limit: 2400
. /stage/rows/lib.sh
pid=$(qemu_of demo)
# Less than QEMU has in memory: nothing can be reclaimed from a guest's memory without swap.
systemctl set-property --runtime pgkvm-demo.service MemoryMax=100M
until_true 120 bash -c "! kill -0 $pid 2>/dev/null" || die "QEMU lives on with $(grep VmRSS /proc/"$pid"/status)"
journalctl --boot --no-pager --dmesg --grep 'oom-kill|Out of memory|Memory cgroup out of memory' | tail -n 1 | grep . || die "the kernel has killed nothing"
is_off() { pgkvm status demo | grep -q '^state: *off'; }
until_true 60 is_off || die "status does not say off:" "$(pgkvm status demo)"
systemctl revert pgkvm-demo.service 2>/dev/null || true
pgkvm start demo >start.log 2>&1 || die "start:" "$(cat start.log)"
[ "$(pgkvm psql demo -- -XqAtw -c 'SELECT word FROM kept')" = 'still here' ] || die "the row is gone"
