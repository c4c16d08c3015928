# title: autostart is set for root's machine on a bridge, root's own, and a lingering user's
# limit: 420
. /stage/rows/lib.sh
spec b1 'network: { mode: bridge, device: br0, address: 10.77.0.8/24 }'
deploy b1
pgkvm autostart b1 on
systemctl is-enabled --quiet pgkvm@b1.service || die "the boot unit is not enabled"
spec b2
deploy b2
pgkvm autostart b2 on
by_login user1 'spec b3; deploy b3; pgkvm autostart b3 on; systemctl --user is-enabled pgkvm@b3.service'
