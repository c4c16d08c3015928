# title: root: delete of a running machine leaves no failed unit, no process, no file
. /stage/rows/lib.sh
running p1
since=$(now)
pid=$(qemu_of p1)
pgkvm delete p1 --confirm p1
ended_well p1 "$since"
[ ! -e "/proc/$pid" ] || die "QEMU lives on"
[ ! -e /var/lib/pgkvm/p1 ] || die "left behind: $(find /var/lib/pgkvm/p1)"
