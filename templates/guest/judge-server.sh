# Has the files in $2 judged by a server that is started with them, as a unit of its own that ends with all of its processes. Run as root
# with: $1 major version, $2 the directory, $3 "small" or "whole" (try-server.sh), then the extensions to try. Before it, in the same
# script: begin-judgement.sh and the files, try-server.sh among them.
set -eu
version=$1
judged=$2
size=$3
shift 3
main=/var/lib/postgresql/$version/main
# The scratch cluster is kept: making one takes longer than the judgement.
scratch=/var/cache/pgkvm-judgement
install -d -o postgres -g postgres -m 0700 "$scratch"
# The real server is not to make room for this one.
systemd-run --quiet --pipe --wait --collect --unit=pgkvm-judgement --property=User=postgres --property=OOMScoreAdjust=1000 \
    --property=PrivateNetwork=yes --property=TemporaryFileSystem=/dev/shm:mode=1777 --property=RuntimeMaxSec=180 --property=TimeoutStopSec=5 \
    --property=KillSignal=SIGINT /bin/sh -eu "$judged/try-server.sh" "$version" "$judged" "$scratch/$version" "$main/postgresql.auto.conf" "$size" "$@" </dev/null || {
    echo 'the trial of the configuration did not come to its end' >&2
    exit 5
}
echo '== host'
# As many huge pages as the guest has memory for, less what its system needs; or more, where they are reserved already.
amount() { sed -n "s/^$1: *\([0-9]*\).*/\1/p" /proc/meminfo; }
room=$((($(amount MemTotal) - 131072) / $(amount Hugepagesize)))
there=$(amount HugePages_Total)
echo "hugePages $((room > there ? room : there))"
# What a start with fewer of them would not take.
echo "prepared $(ls "$main/pg_twophase" 2>/dev/null | wc -l)"
echo "slots $(ls "$main/pg_replslot" 2>/dev/null | wc -l)"
echo '== files'
setpriv --reuid=postgres --regid=postgres --init-groups sh -c 'for file in "$1"/*.conf "$1"/conf.d/*.conf; do
    [ ! -f "$file" ] || { printf "file %s\n" "${file#"$1/"}" && head -c 262144 "$file" | sed "s/^/ /"; }
done' sh "/etc/postgresql/$version/main" || true
