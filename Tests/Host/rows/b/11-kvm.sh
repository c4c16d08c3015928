# title: doctor has KVM run a test guest for root and for the group kvm, and tells another user what to do
. /stage/rows/lib.sh
[ -c /dev/kvm ] || die "the host has no /dev/kvm"
verdict='pgkvm doctor >doctor.log 2>&1 || true; grep -E "^ *[A-Z]+ +host\.kvm " doctor.log || cat doctor.log'
for user in root user1 user2; do
    said=$(by_login $user "$verdict")
    case $said in *PASS*'KVM ran a test guest'*) ;; *) die "doctor of $user says:" "$said" ;; esac
done
note "seen: $said"
said=$(by_login user3 'pgkvm doctor >doctor.log 2>&1 || true; grep "host\.kvm" doctor.log')
case $said in *PASS*) die "doctor of a user outside the group kvm says:" "$said" ;; *'usermod -aG kvm'*) ;; *) die "nothing to do is named:" "$said" ;; esac
