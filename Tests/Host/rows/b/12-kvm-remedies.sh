# title: remedies for KVM work as they are printed: the module, the group
# limit: 420
. /stage/rows/lib.sh
module=$(lsmod | awk '/^kvm_(amd|intel) / { print $1 }')
[ -n "$module" ] || die "no module is loaded:" "$(lsmod | grep kvm)"
trap 'modprobe $module; gpasswd --delete user3 kvm >/dev/null 2>&1 || true' EXIT
verdict='pgkvm doctor 2>&1 | grep "host\.kvm" || true'
line() { grep -oE "sudo $1.*" <<<"$said" | head -n 1; }

modprobe -r "$module"
said=$(by_login root "$verdict")
remedy=$(line modprobe)
remedy=${remedy%% (*}
[ "$remedy" = "sudo modprobe $module" ] || die "without the module:" "$said"
bash -ec "$remedy"
is_usable() { said=$(by_login "$1" "$verdict") && grep -q PASS <<<"$said"; }
until_true 60 is_usable root || die "after '$remedy':" "$said"

said=$(by_login user3 "$verdict")
remedy=$(line usermod)
remedy=${remedy%%, then*}
[ -n "$remedy" ] || die "of a user outside the group:" "$said"
USER=user3 bash -ec "$remedy" || die "the printed remedy fails: $remedy"
is_usable user3 || die "after '$remedy' and a new login:" "$said"
note "seen: sudo modprobe $module; $remedy"
