# Unpacks the server's packages that the image carries; configuring them is left to install-postgresql.sh, and meanwhile their
# programs can be used. Run as root with: $1 major version.
set -eu
carried=/var/cache/pgkvm/packages
unsynced=/var/lib/dpkg/pgkvm-unsynced
export DEBIAN_FRONTEND=noninteractive SYSTEMD_OFFLINE=1

# What is there in any state is not taken back to this one.
case $(dpkg-query -W -f='${db:Status-Status}' "postgresql-$1" 2>/dev/null) in
'' | not-installed | config-files | half-installed) ;;
*) exit 0 ;;
esac
# dpkg needs no package lists, and the dependencies are in the image. eatmydata spares the fsync of each file:
# install-postgresql.sh makes up for all of them, and knows by this mark whether the guest has lasted until then.
cat /proc/sys/kernel/random/boot_id >"$unsynced"
sync "$unsynced" "${unsynced%/*}"
$(command -v eatmydata || true) dpkg --force-confold --no-triggers --unpack "$carried"/*.deb
