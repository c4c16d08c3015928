# Runs pgbench for a short time in pgkvm's own database. Run as the user pgkvm with: $1 major version, $2 seconds of each run,
# $3 rounds, $4 options of each session. Prints `== KIND` and pgbench's report for each run.
# One function, which the shell has read to its end before it begins: a connection that breaks cannot cut it in two, and what it
# made it takes away again. What a killed guest left goes first.
set -eu
ask() { "$bin/psql" -XAtq -v ON_ERROR_STOP=1 -d pgkvm -c "$1"; }
leave() {
    trap '' HUP INT TERM PIPE
    ask 'DROP SCHEMA IF EXISTS pgkvm_bench CASCADE'
}
measure() {
    # Not Debian's wrappers: they read the server's configuration, which this user may not.
    bin=/usr/lib/postgresql/$1/bin
    [ -x "$bin/pgbench" ] || {
        echo "the guest has no pgbench" >&2
        exit 3
    }
    # One at a time: two would drop each other's tables.
    exec 9<"$HOME"
    flock -n 9 || {
        echo "another verification runs pgbench in this guest" >&2
        exit 3
    }
    export PGOPTIONS="$4"
    trap 'exit 130' HUP INT TERM
    trap '' PIPE
    trap leave EXIT
    ask 'DROP SCHEMA IF EXISTS pgkvm_bench CASCADE; CREATE SCHEMA pgkvm_bench'
    export PGOPTIONS="$4 -c search_path=pgkvm_bench -c statement_timeout=60s"
    timeout 120 "$bin/pgbench" -i -s 1 -q pgkvm >/dev/null 2>&1 || {
        echo "pgbench could not fill its tables" >&2
        exit 3
    }
    round=0
    while [ "$round" -lt "$3" ]; do
        round=$((round + 1))
        for kind in select-only tpcb-like; do
            echo "== $kind"
            timeout $(($2 + 30)) "$bin/pgbench" -n -b "$kind" -c 1 -j 1 -T "$2" pgkvm 2>&1
        done
    done
}
measure "$@"
