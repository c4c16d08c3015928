# title: a user without lingering: the machine lives on after the logout, and autostart is refused with what to do
# limit: 420
. /stage/rows/lib.sh
trap 'by_login user2 "remove_anyhow u4"' EXIT
by_login user2 'spec u4; deploy u4'
sleep 3
by_login user2 'pid=$(pgkvm status u4 | awk "/^process:/ { print \$2 }")
[ -n "$pid" ] || die "it does not run after the logout:" "$(pgkvm status u4)"
if pgkvm autostart u4 on >said 2>&1; then die "autostart is promised, and nobody would keep it:" "$(cat said)"; fi
grep -q "loginctl enable-linger" said || die "$(cat said)"
pgkvm stop u4
pgkvm status u4 | grep -q "^state: *off" || die "$(pgkvm status u4)"'
