# title: verify --full finds nothing that failed under KVM
# guest: of row 82
# limit: 5400
. /stage/rows/lib.sh
pgkvm verify demo --full >verify.log 2>&1 || die "verify ends with $?:" "$(grep -aE -A4 'FAIL|error\[' verify.log | head -n 60)" "$(tail -n 3 verify.log)"
grep -a 'cpu.identity' verify.log | grep -q KVMKVMKVM || die "the guest does not see KVM:" "$(grep -a 'cpu\.' verify.log)"
note "seen: $(tail -n 1 verify.log)"
pgkvm autostart demo on
