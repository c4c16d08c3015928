# Starts a server of its own with the configuration to be judged, asks it what it makes of it, and stops it. Run as postgres with:
# $1 major version, $2 directory of the configuration, $3 data directory of a scratch cluster, $4 postgresql.auto.conf of the real
# cluster, $5 "small" where the guest is to get more memory and has not got it yet, else "whole"; then the extensions to try, each a
# quoted identifier. Prints `== PART` and what was said in that part.
# The server listens on a socket in $2 and nowhere else, archives nothing, and writes into the scratch cluster only.
set -eu
umask 077
version=$1
conf=$2
data=$3
auto=$4
small=
[ "$5" = whole ] || small='-c shared_buffers=16MB'
shift 5
bin=/usr/lib/postgresql/$version/bin
cd "$conf"

if [ ! -e "$data/PG_VERSION" ]; then
    rm -rf "$data" "$data.new"
    fast=
    [ "$version" -lt 16 ] || fast='-c shared_buffers=16MB -c max_connections=20'
    if ! LANG=C.UTF-8 "$bin/initdb" --pgdata="$data.new" --encoding=UTF8 --no-locale --auth=peer --no-sync --no-instructions $fast >"$conf/initdb" 2>&1; then
        echo '== broken'
        tail -n 5 "$conf/initdb"
        exit 0
    fi
    sync -f "$data.new"
    mv -T "$data.new" "$data"
fi
# No other server of the scratch cluster lives: its unit is this one.
rm -f "$data/postmaster.pid"
# What was set by ALTER SYSTEM counts at the next start too.
if [ -r "$auto" ]; then cat "$auto"; fi >"$data/postgresql.auto.conf"

# What makes this server another one than the real one, and what would reach beyond it.
"$bin/postgres" -D "$data" -c config_file="$conf/postgresql.conf" -c data_directory="$data" -c hba_file="$conf/pg_hba.conf" \
    -c ident_file="$conf/pg_ident.conf" -c external_pid_file="$conf/pid" -c listen_addresses= -c unix_socket_directories="$conf" \
    -c ssl_cert_file="$conf/server.crt" -c ssl_key_file="$conf/server.key" -c archive_mode=off -c huge_pages=off -c fsync=on \
    -c full_page_writes=on -c logging_collector=off -c log_destination=stderr -c log_line_prefix= -c log_min_messages=warning \
    -c log_min_error_statement=panic -c log_statement=none -c log_min_duration_statement=-1 -c lc_messages=C $small >"$conf/log" 2>&1 &
postmaster=$!
deadline=$(($(date +%s) + 60))
started=no
while kill -0 "$postmaster" 2>/dev/null; do
    case $(tail -n 1 "$data/postmaster.pid" 2>/dev/null) in ready*)
        started=yes
        break
        ;;
    esac
    [ "$(date +%s)" -lt "$deadline" ] || break
    sleep 0.1
done

# What a session is refused is told to it alone, and not once more in the log.
sql() {
    PGOPTIONS="-c log_min_messages=panic -c statement_timeout=30s -c default_transaction_read_only=off -c synchronous_commit=local $options" "$bin/psql" --no-psqlrc --quiet \
        --no-align --tuples-only --host="$conf" --port="$(sed -n 4p "$data/postmaster.pid")" --dbname=postgres "$@"
}
if [ "$started" = yes ]; then
    echo '== answer'
    options='-c search_path=pg_catalog -c client_encoding=UTF8 -c standard_conforming_strings=on'
    sql 2>"$conf/refusal" <<'SQL' || true
SELECT json_build_object(
    'settings', (SELECT json_agg(json_build_object('name', lower(name), 'value', setting, 'context', context,
                 'isAlterSystem', coalesce(sourcefile LIKE '%/postgresql.auto.conf', false)))
                 FROM pg_settings WHERE context = 'postmaster' OR sourcefile IS NOT NULL),
    'written', (SELECT json_object_agg(lower(name), setting) FROM
                (SELECT DISTINCT ON (lower(name)) name, setting FROM pg_file_settings ORDER BY lower(name), seqno DESC) last),
    'hugePages', current_setting('shared_memory_size_in_huge_pages', true),
    'extensions', (SELECT coalesce(json_agg(name ORDER BY name), '[]') FROM pg_available_extensions),
    'roles', (SELECT json_agg(rolname ORDER BY rolname) FROM pg_roles));
SQL
    # As every session of a client begins.
    options=
    sql --output=/dev/null --command='SELECT pg_catalog.get_current_ts_config()' --command='CREATE TEMPORARY TABLE pgkvm_trial (id int)' \
        2>>"$conf/refusal" || true
    echo '== refusal'
    cat "$conf/refusal"
    options='-c search_path=public'
    for extension; do
        echo '== extension'
        printf 'BEGIN;\nCREATE EXTENSION %s CASCADE;\nROLLBACK;\n' "$extension" | sql 2>&1 || true
    done
    kill -INT "$postmaster"
elif kill -0 "$postmaster" 2>/dev/null; then
    echo 'FATAL:  the server did not become ready within 60 s' >>"$conf/log"
    kill -QUIT "$postmaster"
fi
wait "$postmaster" || true
echo '== log'
head -c 65536 "$conf/log"
