# title: after a reboot of the host all three machines run again
# reboot: first
# limit: 420
. /stage/rows/lib.sh
bash /stage/rows/started
