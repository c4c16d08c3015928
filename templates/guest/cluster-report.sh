# Prints where the cluster's files lie and what pages its memory has, `key=value` a line, for verification. Run as root with:
# $1 options of each session. Changes nothing.
export PGOPTIONS="$1"
ask() { runuser -u postgres -- psql -XAtq -d postgres -c "$1" 2>/dev/null; }
source_of() { findmnt -n -o SOURCE --target "$1" 2>/dev/null | head -n 1; }
place() {
    path=$(readlink -e "$2")
    echo "$1_directory=$path"
    echo "$1_device=$([ -z "$path" ] || source_of "$path")"
}
data=$(ask 'SHOW data_directory')
place data "${data:-/nonexistent}"
place wal "${data:-/nonexistent}/pg_wal"
# A relative path is one below the data directory.
log=$(ask 'SELECT pg_current_logfile()')
case $log in
'') log=/nonexistent/file ;;
/*) ;;
*) log=$data/$log ;;
esac
place log "$(dirname "$log")"
echo "system_device=$(source_of /)"
echo "data_disk=$(readlink -f /dev/disk/by-id/virtio-pgdata)"
echo "huge_pages=$(ask 'SHOW huge_pages')"
echo "huge_pages_status=$(ask "SELECT current_setting('huge_pages_status', true)")"
echo "huge_pages_reserved=$(sed -n 's/^HugePages_Total: *\([0-9]*\)/\1/p' /proc/meminfo)"
postmaster=$(head -n 1 "$data/postmaster.pid" 2>/dev/null)
# A file that cannot be read prints no number.
echo "huge_mappings=$([ -r "/proc/$postmaster/maps" ] && grep -c anon_hugepage "/proc/$postmaster/maps")"
