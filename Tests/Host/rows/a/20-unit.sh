# title: root's QEMU: unit and slice, an ordinary user without rights, seccomp, passt under its AppArmor profile
. /stage/rows/lib.sh
running p1
[ "$(property p1 ControlGroup)" = /pgkvm.slice/pgkvm-p1.service ] || die "control group: $(property p1 ControlGroup)"
pid=$(qemu_of p1)
field() { awk -v name="$1:" '$1 == name { $1 = ""; print substr($0, 2) }' "/proc/$pid/status"; }
[ "$(field Uid)" != "0 0 0 0" ] || die "QEMU runs as root"
# One more than its own where the machine needs KVM: the owner of /dev/kvm.
groups=$([ "$accelerator" != kvm ] || stat -c %g /dev/kvm)
[ "$(field Groups | tr -d ' ')" = "$groups" ] || die "groups of QEMU: $(field Groups)"
for set in CapInh CapPrm CapEff CapBnd CapAmb; do [ "$(field $set)" = 0000000000000000 ] || die "$set of QEMU: $(field $set)"; done
[ "$(field NoNewPrivs)" = 1 ] || die "QEMU may gain rights"
[ "$(field Seccomp)" = 2 ] || die "QEMU has no seccomp filter"
passt=$(process_of p1 /usr/bin/passt)
[ "$(cat "/proc/$passt/attr/current")" = "passt (enforce)" ] || die "passt is confined by: $(cat "/proc/$passt/attr/current")"
denied=$(journalctl --boot --no-pager --dmesg --grep 'apparmor="DENIED"' | grep -E 'passt|qemu' || true)
[ -z "$denied" ] || die "AppArmor denied:" "$denied"
note "seen: QEMU with user id $(field Uid | cut -d' ' -f1), confined passt in the same group"
