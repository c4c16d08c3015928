# title: after the reboot it runs again: the row is there, and no recovery was needed
# reboot: first
# guest: of row 82
# limit: 2400
. /stage/rows/lib.sh
answers() { [ "$(timeout 120 pgkvm psql demo -- -XqAtw -c 'SELECT word FROM kept' 2>psql.log)" = 'still here' ]; }
until_true 2000 answers || die "the row is not there:" "$(cat psql.log)" "$(journalctl --boot --no-pager --lines 25 --unit pgkvm@demo.service --unit pgkvm-demo.service)"
pgkvm logs demo >server.log
tail -n 60 server.log | grep -q 'database system was shut down' || die "no clean shutdown is told:" "$(tail -n 30 server.log)"
if tail -n 60 server.log | grep -E 'was not properly shut down|automatic recovery'; then die "the server had to recover:" "$(tail -n 30 server.log)"; fi
