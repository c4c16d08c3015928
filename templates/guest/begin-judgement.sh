# Makes the directory in which a configuration is judged, with what is in force as its start. Run as root with: $1 major version,
# $2 the directory. The rest of the script that this is the beginning of puts the files to be judged over it.
set -eu
judged=$2
exec 9>/run/lock/pgkvm-judgement
flock --wait 120 9 || {
    echo 'another judgement of this server does not come to its end' >&2
    exit 5
}
trap 'rm -rf "$judged"' EXIT
# What a killed one left.
systemctl stop pgkvm-judgement.service 2>/dev/null || true
rm -rf "$judged"
install -d -o postgres -g postgres -m 0700 "$judged" "$judged/conf.d"
# Files that an administrator added count at the next start too. The server's user reads them: what it may not see is none of its files.
setpriv --reuid=postgres --regid=postgres --init-groups sh -euc 'umask 077
for file in "$2"/*.conf "$2"/conf.d/*.conf; do
    [ ! -f "$file" ] || cat "$file" >"$1${file#"$2"}"
done' sh "$judged" "/etc/postgresql/$1/main"
