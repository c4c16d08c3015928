# Gives chrony the clock of the machine's host, where the machine has it: a guest of KVM reads it to a microsecond, with no network.
# Run as root before chrony starts. Prints "changed" when chrony reads another configuration from now on. The line goes again where there is no such
# clock: the disk may be started elsewhere.
set -eu
snippet=/etc/chrony/conf.d/pgkvm-clock.conf
[ -d "${snippet%/*}" ] || exit 0
# Without KVM the module refuses to be loaded, so nothing may load it at each boot that counts this as a failure.
modprobe -q ptp_kvm 2>/dev/null || true
wanted=
for clock in /sys/class/ptp/*; do
    [ "$(cat "$clock/clock_name" 2>/dev/null)" = 'KVM virtual PTP' ] || continue
    # Time servers stay beside it: a host whose clock contradicts several of them is not followed.
    wanted="refclock PHC /dev/${clock##*/} refid KVM poll 3 dpoll -2 offset 0 stratum 2 prefer"
done
[ "$(cat "$snippet" 2>/dev/null)" != "$wanted" ] || exit 0
if [ -n "$wanted" ]; then
    printf '%s\n' "$wanted" >"$snippet.new"
    mv "$snippet.new" "$snippet"
else
    rm "$snippet"
fi
echo changed
