# Installs the server's packages. Run as root with: $1 major version, $2 "distribution" or "pgdg".
# Packages that the image carries are used without the network.
set -eu
version=$1
source=$2
carried=/var/cache/pgkvm/packages
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l NEEDRESTART_SUSPEND=1

apt_get() {
    apt-get -q -y -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confold "$@"
}

# No cluster on the system disk, and nothing that restarts the database behind its administrator.
mkdir -p /etc/postgresql-common /etc/needrestart/conf.d /etc/apt/apt.conf.d
printf 'create_main_cluster = off\n' >/etc/postgresql-common/createcluster.conf
printf '$nrconf{override_rc}{qr(^postgresql)} = 0;\n' >/etc/needrestart/conf.d/pgkvm.conf
for timer in apt-daily.timer apt-daily-upgrade.timer; do
    [ "$(systemctl is-enabled "$timer" 2>/dev/null)" = masked ] || systemctl mask --now "$timer" >/dev/null 2>&1 || true
done
printf 'Unattended-Upgrade::Package-Blacklist { "^postgresql"; };\n' >/etc/apt/apt.conf.d/60pgkvm

# Nothing that the packages bring runs before there is a cluster, and its making reloads systemd: packages that each do so
# cost an emulated guest half a minute.
export SYSTEMD_OFFLINE=1

# What an interrupted run left half configured.
dpkg --configure -a --force-confold

if dpkg-query -W -f='${db:Status-Status}\n' "postgresql-$version" 2>/dev/null | grep -qx installed; then
    exit 0
fi
if [ "$source" = pgdg ]; then
    apt_get update
    apt_get install --no-install-recommends postgresql-common ca-certificates
    install -d /usr/share/postgresql-common/pgdg
    . /etc/os-release
    cat >/etc/apt/sources.list.d/pgdg.sources <<EOF
Types: deb
URIs: https://apt.postgresql.org/pub/repos/apt
Suites: $VERSION_CODENAME-pgdg
Components: main
Signed-By: /usr/share/postgresql-common/pgdg/apt.postgresql.org.asc
EOF
    apt_get update
    apt_get install --no-install-recommends "postgresql-$version" "postgresql-client-$version"
elif ls "$carried"/postgresql-"$version"_*.deb >/dev/null 2>&1; then
    # dpkg needs no package lists, and the dependencies are in the image. eatmydata spares the fsync of each file; the
    # sync below makes up for all of them before anybody relies on it.
    fast=$(command -v eatmydata || true)
    $fast dpkg --force-confold -i "$carried"/*.deb
    sync
else
    apt_get update
    apt_get install --no-install-recommends "postgresql-$version" "postgresql-client-$version"
fi
dpkg-query -W -f='${db:Status-Status}\n' "postgresql-$version" | grep -qx installed
