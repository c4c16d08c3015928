# title: what a failed start names to look at shows something, for root and for a user
# limit: 420
. /stage/rows/lib.sh
# QEMU is kept from its data disk, so that it ends at once.
script='
removed_at_end p7
spec p7
deploy p7
pgkvm stop p7
disk=$state/p7/machines/0/data.raw
mv "$disk" "$disk.aside"
if attempt start p7 p7; then die "it started without its disk"; fi
mv "$disk.aside" "$disk"
hint=$(grep -oE "(systemctl|journalctl)[^)]*" p7.log | head -n 1 || true)
[ -n "$hint" ] || die "nothing is named to look at:" "$(cat p7.log)"
$hint >shown 2>&1 || true
grep -q "pgkvm-p7" shown && ! grep -qE "could not be found|No entries" shown || die "\"$hint\" shows:" "$(cat shown)"
'
bash -c ". /stage/rows/lib.sh; $script"
by_login user1 "$script"
