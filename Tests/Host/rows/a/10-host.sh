# title: the host is what it is meant to be: systemd, cgroup v2, AppArmor, a bridge
. /stage/rows/lib.sh
[ "$(cat /proc/1/comm)" = systemd ] || die "PID 1 is $(cat /proc/1/comm)"
[ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ] || die "no unified hierarchy"
for controller in cpu memory; do grep -qw $controller /sys/fs/cgroup/cgroup.subtree_control || die "no controller $controller"; done
aa-enabled --quiet || die "AppArmor is off"
[ -e /sys/class/net/br0/bridge ] || die "no bridge br0"
[ -z "$(systemctl list-units --failed --plain --no-legend)" ] || die "units of the host itself have failed:" "$(systemctl list-units --failed --plain --no-legend)"
