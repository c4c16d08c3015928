# title: libvirt's system daemon: the domain under AppArmor in enforcing mode; delete leaves neither domain nor volume
# limit: 420
. /stage/rows/lib.sh
virsh=(virsh --quiet --connect qemu:///system)
"${virsh[@]}" pool-info default >/dev/null 2>&1 || {
    "${virsh[@]}" pool-define-as default dir --target /var/lib/libvirt/images
    "${virsh[@]}" pool-build default
    "${virsh[@]}" pool-start default
}
backend=', backend: libvirt'
removed_at_end v1
spec v1
sed -i 's/layout: overlay/layout: copy/' v1.yaml
import_guest
pgkvm deploy v1.yaml --progress plain >v1.log 2>&1 </dev/null &
job=$!
domain() { "${virsh[@]}" list --name | grep . | head -n 1; }
until_true 200 domain >/dev/null || die "no domain runs:" "$(cat v1.log)"
sleep 5
kill -INT $job
wait $job || true
pid=$(pgrep -u libvirt-qemu -f 'qemu-system-x86_64.*guest=' | head -n 1)
[ -n "$pid" ] || die "libvirt-qemu runs no QEMU:" "$(pgrep -a -f qemu-system)"
case $(cat "/proc/$pid/attr/current") in "libvirt-"*" (enforce)") ;; *) die "QEMU is confined by $(cat "/proc/$pid/attr/current")" ;; esac
pgkvm stop v1 --force
pgkvm delete v1 --confirm v1
[ -z "$("${virsh[@]}" list --all --name | grep . || true)" ] || die "domains are left: $("${virsh[@]}" list --all --name)"
[ -z "$("${virsh[@]}" vol-list default | grep v1 || true)" ] || die "volumes are left: $("${virsh[@]}" vol-list default)"
denied=$(journalctl --boot --no-pager --dmesg --grep 'apparmor="DENIED"' | grep libvirt- || true)
[ -z "$denied" ] || die "AppArmor denied:" "$denied"
