# Makes the cluster on the data disk known to Debian's cluster tools. Run as root with: $1 major version.
set -eu
version=$1
data=/var/lib/postgresql/$version/main
config=/etc/postgresql/$version/main

if [ ! -e "$config/postgresql.conf" ]; then
    # pg_createcluster takes over an existing data directory when the three files are in it, and edits them line by line; ours
    # replace them, so empty ones will do. An adopted disk is a stranger's: a link that lies there is not followed.
    set -C
    for file in postgresql.conf pg_hba.conf pg_ident.conf; do
        rm -f "$data/$file"
        : >"$data/$file"
        chown -h postgres:postgres "$data/$file"
    done
    rm -rf "$config"
    # The reload of systemd, by which it comes to know the cluster, is start-cluster.sh's.
    SYSTEMD_OFFLINE=1 pg_createcluster --no-status --datadir="$data" --port=5432 --start-conf=auto "$version" main
fi
install -d -o postgres -g postgres -m 0755 "$config/conf.d"
install -d -o root -g postgres -m 1775 /var/log/postgresql
install -d -m 0755 /usr/lib/pgkvm /etc/systemd/system/chrony.service.d "/etc/systemd/system/postgresql@$version-main.service.d"
sync -f "$config"
