# Lets systemd know the mount of the data disk and the cluster's place among its units. Run as root with: $1 major version.
# Neither is needed before the guest is started again, and an emulated one takes seconds for it: nobody waits.
set -eu
unit=postgresql@$1-main.service
if [ "$(systemctl show --value --property=NeedDaemonReload "$unit")" = yes ] || [ ! -e "/run/systemd/generator/postgresql.service.wants/$unit" ]; then
    setsid systemctl daemon-reload </dev/null >/dev/null 2>&1 &
fi
