# title: the host's disk is full: the guest waits and loses nothing, status says why, and goes on once there is room
# reboot: first
# guest: of row 82
# limit: 2400
. /stage/rows/lib.sh
trap 'rm -f /var/lib/pgkvm/ballast*' EXIT
# Root's reserve too; the last pieces are small.
for size in 1G 100M 10M 1M 64K 4K; do
    number=0
    while fallocate -l $size "/var/lib/pgkvm/ballast-$size-$((number += 1))" 2>/dev/null; do :; done
done
# The system disk is an overlay that grows with what is written for the first time.
pgkvm ssh demo -- 'sudo dd if=/dev/urandom of=/var/tmp/filling bs=1M count=400 oflag=direct' >dd.log 2>&1 &
writer=$!
is_paused() { pgkvm status demo 2>&1 | grep -q 'paused'; }
until_true 600 is_paused || die "the guest is not paused:" "$(pgkvm status demo)" "$(df -h /var/lib/pgkvm)" "$(cat dd.log)"
said=$(pgkvm status demo)
grep -q "the host's disk is full" <<<"$said" || die "status:" "$said"
rm -f /var/lib/pgkvm/ballast*
pgkvm start demo >start.log 2>&1 || die "start:" "$(cat start.log)"
wait $writer || die "the guest's own writer failed:" "$(cat dd.log)"
[ "$(pgkvm psql demo -- -XqAtw -c 'SELECT word FROM kept')" = 'still here' ] || die "the row is gone"
pgkvm verify demo --quick >verify.log 2>&1 || die "verify:" "$(tail -n 30 verify.log)"
pgkvm delete demo --confirm demo
[ ! -e /var/lib/pgkvm/demo ] || die "left behind: $(find /var/lib/pgkvm/demo)"
