# title: at that shutdown each guest was off before the network went, and no unit failed
# reboot: first
. /stage/rows/lib.sh
journalctl --boot=-1 --no-pager --output=short-monotonic >last-boot
# line PATTERN: the number of the last line that holds it.
line() { grep -n -E "$1" last-boot | tail -n 1 | cut -d: -f1; }
network=$(line 'Stopped target network.target')
[ -n "$network" ] || die "the journal does not tell when the network went" "$(tail -n 30 last-boot)"
for name in b1 b2; do
    stopped=$(line "Stopped pgkvm-$name.service|pgkvm-$name.service: Deactivated successfully")
    [ -n "$stopped" ] || die "$name was not stopped cleanly:" "$(grep "pgkvm-$name" last-boot | tail -n 15)"
    [ "$stopped" -lt "$network" ] || die "the network went first:" "$(sed -n "${network}p;${stopped}p" last-boot)"
done
b3=$(line 'pgkvm-b3.service: Deactivated successfully|Stopped pgkvm-b3.service')
[ -n "$b3" ] || die "b3 was not stopped cleanly:" "$(grep -E 'pgkvm.b3|user@1000' last-boot | tail -n 15)"
failed=$(grep -E "pgkvm-b[123].service: (Failed|Control process exited|Main process exited, code=killed)" last-boot || true)
[ -z "$failed" ] || die "units failed:" "$failed"
