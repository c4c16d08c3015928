# title: a user, libvirt's session daemon under KVM: the domain runs; delete leaves neither domain nor volume
# user: user1
# limit: 600
. /stage/rows/lib.sh
virsh=(virsh --quiet --connect qemu:///session)
install -d "$HOME/volumes"
"${virsh[@]}" pool-info default >/dev/null 2>&1 || {
    "${virsh[@]}" pool-define-as default dir --target "$HOME/volumes"
    "${virsh[@]}" pool-start default
}
backend=', backend: libvirt, libvirt: { uri: "qemu:///session", pool: default }'
removed_at_end v2
spec v2 'network: { mode: user }'
sed -i 's/layout: overlay/layout: copy/' v2.yaml
import_guest
pgkvm deploy v2.yaml --progress plain >v2.log 2>&1 </dev/null &
job=$!
domain() { "${virsh[@]}" list --name | grep . | head -n 1; }
until_true 300 domain >/dev/null || die "no domain runs:" "$(cat v2.log)"
"${virsh[@]}" dumpxml "$(domain)" | grep -q "<domain type='kvm'" || die "the domain is no KVM guest"
kill -INT $job
wait $job || true
pid=$(pgrep -u user1 -f 'qemu-system-x86_64.*guest=' | head -n 1)
[ -n "$pid" ] || die "no QEMU of user1's runs"
pgkvm stop v2 --force
pgkvm delete v2 --confirm v2
[ -z "$("${virsh[@]}" list --all --name | grep . || true)" ] || die "domains are left: $("${virsh[@]}" list --all --name)"
[ -z "$(ls "$HOME/volumes")" ] || die "volumes are left: $(ls "$HOME/volumes")"
