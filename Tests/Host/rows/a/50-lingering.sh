# title: a lingering user: unit in the user's own manager, lives on after logout, priority, clean stops
# limit: 420
. /stage/rows/lib.sh
trap 'by_login user1 "remove_anyhow u3"' EXIT
by_login user1 'running u3'
sleep 3
by_login user1 'is_running u3 || die "it does not run after the logout"
case $(property u3 ControlGroup) in /user.slice/user-1000.slice/user@1000.service/*pgkvm.slice/pgkvm-u3.service) ;; *) die "control group $(property u3 ControlGroup)" ;; esac
pgkvm priority u3 --cpu-weight 200
[ "$(cat "/sys/fs/cgroup$(property u3 ControlGroup)/cpu.weight")" = 200 ] || die "cpu.weight: $(cat "/sys/fs/cgroup$(property u3 ControlGroup)/cpu.weight")"
since=$(now)
pgkvm stop u3
start u3
pgkvm stop u3 --force
pgkvm delete u3 --confirm u3
ended_well u3 "$since"'
