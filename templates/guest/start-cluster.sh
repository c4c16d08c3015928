# Starts or reloads the cluster so that the files in place are in force. Run as root with: $1 major version,
# $2 "restart" or "reload". Debian's unit ignores a failed start, so the caller asks the server itself afterwards.
set -eu
version=$1
action=$2
unit=postgresql@$version-main.service
psql=/usr/lib/postgresql/$version/bin/psql
# Each of systemd's reloads, which `enable` brings along, costs an emulated guest seconds.
systemctl is-enabled --quiet postgresql.service || systemctl enable --quiet postgresql.service
# The unit by which all clusters are stopped and restarted; it does nothing itself.
systemctl is-active --quiet postgresql.service || systemctl start postgresql.service
if systemctl is-active --quiet "$unit" && [ "$action" = reload ]; then
    pg_ctlcluster "$version" main reload
else
    systemctl restart "$unit"
fi
deadline=$(($(date +%s) + 300))
until runuser -u postgres -- "$psql" -XAtqc 'select 1' postgres >/dev/null 2>&1; do
    if [ "$(date +%s)" -ge "$deadline" ] || ! pg_ctlcluster "$version" main status >/dev/null 2>&1; then
        echo "PostgreSQL did not come up" >&2
        tail -n 15 /var/log/postgresql/*.log >&2 2>/dev/null || true
        exit 4
    fi
    sleep 0.2
done

# systemd comes to know the mount of the data disk and the new cluster's place among its units. Neither is needed before the guest
# is started again, and an emulated one takes seconds for it: nobody waits.
if [ "$(systemctl show --value --property=NeedDaemonReload "$unit")" = yes ] || [ ! -e "/run/systemd/generator/postgresql.service.wants/$unit" ]; then
    setsid systemctl daemon-reload </dev/null >/dev/null 2>&1 &
fi
