# title: root: a guest that switches itself off, and a QEMU that is killed, end the unit well enough for the next start
# limit: 420
. /stage/rows/lib.sh
running p1
since=$(now)
# What a poweroff inside the guest is to QEMU: it ends by itself, and nobody has asked the unit to stop.
printf '%s\n' '{"execute":"qmp_capabilities"}' '{"execute":"system_powerdown"}' | timeout 20 socat -t 5 - UNIX-CONNECT:/var/lib/pgkvm/p1/machines/0/qmp.sock >qmp.log || true
until_true 60 is_gone p1 || die "the unit still is $(property p1 ActiveState)" "$(cat qmp.log)"
ended_well p1 "$since"
start p1
kill -KILL "$(qemu_of p1)"
until_true 60 is_gone p1 || [ "$(property p1 ActiveState)" = failed ] || die "the unit still is $(property p1 ActiveState)"
start p1
