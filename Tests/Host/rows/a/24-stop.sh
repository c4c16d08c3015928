# title: root: stop, start at once, stop --force, delete at once; systemd calls no unit failed
# limit: 420
. /stage/rows/lib.sh
running p1
since=$(now)
pgkvm stop p1
[ "$(property p1 ActiveState)" != active ] || die "the unit is active after stop"
[ "$(pgkvm status p1 | awk '$1 == "state:" { print $2 }')" = off ] || die "$(pgkvm status p1)"
start p1
pgkvm stop --force p1
pgkvm delete p1 --confirm p1
ended_well p1 "$since"
[ -z "$(pgkvm list | grep '^p1 ' || true)" ] || die "'p1' is still listed"
