# Makes the cluster's data directory on the data disk, and its locale where the guest does not have it. The server's programs have to be
# there, configured or not; what is still on its way, disk or programs, is waited for.
# Run as root with: $1 major version, $2 locale, $3 time zone.
# initdb works in `main.new`: a killed one leaves a PG_VERSION, so only the rename makes a cluster.
set -eu
version=$1
locale=$2
timezone=$3
bin=/usr/lib/postgresql/$version/bin
unsynced=/var/lib/dpkg/pgkvm-unsynced
base=/var/lib/postgresql/$version
data=$base/main

# Programs that an earlier boot unpacked may be empty files until install-postgresql.sh has made sure of them.
programs_are_there() {
    [ -x "$bin/postgres" ] || return 1
    [ ! -e "$unsynced" ] || [ "$(cat "$unsynced")" = "$(cat /proc/sys/kernel/random/boot_id)" ] || return 1
    case $(dpkg-query -W -f='${db:Status-Status}' "postgresql-$version" 2>/dev/null) in
    unpacked | half-configured | triggers-* | installed) ;;
    *) return 1 ;;
    esac
}
deadline=$(($(date +%s) + 1800))
until mountpoint -q /var/lib/postgresql && programs_are_there; do
    [ "$(date +%s)" -lt "$deadline" ] || {
        echo "the data disk is not mounted, or the server's programs are not there" >&2
        exit 3
    }
    sleep 0.25
done
for other in /var/lib/postgresql/*/main/PG_VERSION; do
    [ -e "$other" ] || continue
    [ "$(cat "$other")" = "$version" ] || {
        echo "the data disk holds a cluster of PostgreSQL $(cat "$other"), and $version was asked for" >&2
        exit 3
    }
done
# The C library says whether it has a locale, whatever the spelling.
has_locale() { [ "$(LC_ALL=$locale locale charmap 2>/dev/null)" = UTF-8 ]; }
is_installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
make_locale() {
    # The package of the locales' sources makes its own ones when it is configured, and takes all others away.
    until is_installed locales || is_installed "postgresql-$version"; do
        [ "$(date +%s)" -lt "$deadline" ] || {
            echo "the sources of the locales are not there: the packages are not installed yet" >&2
            exit 3
        }
        sleep 0.25
    done
    place=${locale%%[.@]*}
    modifier=
    case $locale in *@*) modifier=@${locale#*@} ;; esac
    name=$locale
    case $locale in *.*) name=$place.UTF-8$modifier ;; esac
    echo "making the locale $name"
    said=$(localedef -c -i "$place$modifier" -f UTF-8 "$name" 2>&1) || true
    has_locale || {
        echo "the guest does not have the locale '$locale' and cannot make it: $said" >&2
        echo "the ones that it can make are in /usr/share/i18n/locales, from the package 'locales'" >&2
        exit 3
    }
    # By which an upgrade of that package makes it again.
    grep -qxF "$name UTF-8" /etc/locale.gen 2>/dev/null || echo "$name UTF-8" >>/etc/locale.gen
    sync -f /usr/lib/locale
}
case $locale in
C | POSIX) ;;
*) has_locale || make_locale ;;
esac

# The disk may come from a guest in which the account had another number.
if [ "$(stat -c %U /var/lib/postgresql)" != postgres ] || { [ -e "$data" ] && [ "$(stat -c %U "$data")" != postgres ]; }; then
    chown -R postgres:postgres /var/lib/postgresql
fi
install -d -o postgres -g postgres -m 0755 "$base"

if [ ! -e "$data/PG_VERSION" ]; then
    rm -rf "$base/main.new"
    if [ "$version" -ge 17 ] && { [ "$locale" = C.UTF-8 ] || [ "$locale" = C ]; }; then
        set -- --locale-provider=builtin --builtin-locale="$locale" --locale="$locale"
    else
        set -- --locale="$locale"
    fi
    # initdb's own servers have one client: smaller ones are faster. What it writes into postgresql.conf is replaced.
    [ "$version" -lt 16 ] || set -- "$@" -c shared_buffers=16MB -c max_connections=20
    # The one syncfs below costs less than initdb's walk over every file.
    runuser -u postgres -- env LANG=C.UTF-8 TZ="$timezone" "$bin/initdb" --pgdata="$base/main.new" --encoding=UTF8 "$@" \
        --data-checksums --auth-local=peer --auth-host=scram-sha-256 --no-sync --no-instructions
    echo "writing the cluster to the disk"
    sync -f "$base/main.new"
    mv -T "$base/main.new" "$data"
    sync -f "$base"
fi
