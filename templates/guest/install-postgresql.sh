# Installs the server's packages. Run as root with: $1 major version, $2 "distribution" or "pgdg".
# Packages that the image carries are used without the network.
set -eu
version=$1
source=$2
carried=/var/cache/pgkvm/packages
unsynced=/var/lib/dpkg/pgkvm-unsynced
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l NEEDRESTART_SUSPEND=1

is_installed() { dpkg-query -W -f='${db:Status-Status}\n' "postgresql-$version" 2>/dev/null | grep -qx installed; }
# Whether the guest was started again before the sync: then files may be empty that dpkg believes in.
may_be_lost() { [ -e "$unsynced" ] && [ "$(cat "$unsynced")" != "$(cat /proc/sys/kernel/random/boot_id)" ]; }
is_carried() { [ "$source" = distribution ] && ls "$carried"/postgresql-"$version"_*.deb >/dev/null 2>&1; }
apt_get() {
    apt-get -q -y -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confold "$@"
}

# Nothing that the packages bring runs before there is a cluster, and its start reloads systemd: packages that each do so
# cost an emulated guest half a minute.
export SYSTEMD_OFFLINE=1

# Unpacked first: from then on the programs can be used, and initdb is waiting for them. eatmydata spares the fsync of each file; the
# sync at the end makes up for all of them.
fast=
if is_carried && { ! is_installed || may_be_lost; }; then
    fast=$(command -v eatmydata || true)
    # Remains of a sudden end keep their mark until all of it is on the disk.
    [ -e "$unsynced" ] || { cat /proc/sys/kernel/random/boot_id >"$unsynced" && sync "$unsynced" "${unsynced%/*}"; }
    $fast dpkg --force-confold --no-triggers --unpack "$carried"/*.deb
fi

# No cluster on the system disk, and nothing that restarts the database behind its administrator.
mkdir -p /etc/postgresql-common /etc/needrestart/conf.d /etc/apt/apt.conf.d
printf 'create_main_cluster = off\n' >/etc/postgresql-common/createcluster.conf
printf '$nrconf{override_rc}{qr(^postgresql)} = 0;\n' >/etc/needrestart/conf.d/pgkvm.conf
systemctl mask --quiet apt-daily.timer apt-daily-upgrade.timer
SYSTEMD_OFFLINE=0 systemctl stop apt-daily.timer apt-daily-upgrade.timer 2>/dev/null || true
printf 'Unattended-Upgrade::Package-Blacklist { "^postgresql"; };\n' >/etc/apt/apt.conf.d/60pgkvm

# What is unpacked, or what an interrupted run left half configured. A package whose dependencies are not there yet fails here and
# is brought to its end below.
$fast dpkg --configure -a --force-confold || { ! is_carried || exit 1; }

if ! is_installed; then
    apt_get update
    if [ "$source" = pgdg ]; then
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
    fi
    apt_get install --no-install-recommends "postgresql-$version" "postgresql-client-$version"
fi
is_installed
sync
rm -f "$unsynced"
