# Reserves as many huge pages as the server needs with the settings in force, and no others. Run as root before the server starts, since
# PostgreSQL computes the number only while it is down, with: $1 the cluster as its unit names it (17-main), $2 "on", or "off" to have none.
# Whatever goes wrong here, the server starts: with ordinary pages, unless its own setting forbids that.
# The number is kept for no later boot: a guest that gets less memory must not give it all away before it has started.
set -eu
version=${1%%-*}
pool=/proc/sys/vm/nr_hugepages
mark=/run/pgkvm-huge-pages
there=$(cat "$pool")
ours=$(cat "$mark" 2>/dev/null || echo 0)
amount() { sed -n "s/^$1: *\([0-9]*\).*/\1/p" /proc/meminfo; }

needed=0
if [ "$2" = on ]; then
    needed=$(runuser -u postgres -- "/usr/lib/postgresql/$version/bin/postgres" -D "/etc/postgresql/$version/main" -C shared_memory_size_in_huge_pages)
fi
case $needed in '' | *[!0-9]*) exit 0 ;; esac
# Pages that an administrator has reserved stay, and are added to where they are too few.
if [ "$there" != "$ours" ] && [ "$there" -ge "$needed" ]; then exit 0; fi
[ "$there" != "$needed" ] || exit 0

# Without the server and its pages the system needs 128 MiB, and what runs already is not to be pushed out.
size=$(amount Hugepagesize)
has_room() {
    [ $((needed * size + 131072)) -le "$(amount MemTotal)" ] && [ $(((needed - there) * size)) -le "$(amount MemAvailable)" ]
}
reserve() {
    echo "$1" >"$pool"
    [ "$(cat "$pool")" = "$1" ]
}
compact() { echo 1 >/proc/sys/vm/compact_memory; }
if has_room && { reserve "$needed" || { compact && reserve "$needed"; }; }; then
    echo "$needed" >"$mark"
    exit 0
fi
# Some of them would be lost: the server takes all of its memory from huge pages, or none of it.
if [ "$there" = "$ours" ]; then
    there=0
    echo 0 >"$mark"
fi
reserve "$there" || true
echo "no room for $needed huge pages of $size KiB: the server takes ordinary ones" >&2
