# Shows pgkvm's packet filter in force, as the next boot loads it, and as it is wanted, each in nft's own words. Run as root.
# Argument: what /etc/nftables.conf is to hold.
set -eu
list='nft --stateless list table inet pgkvm'
echo '== enabled'
systemctl is-enabled nftables.service 2>/dev/null || true
echo '== in-force'
$list 2>/dev/null || true
# A network namespace of its own has a filter of its own, which no packet meets.
echo '== at-boot'
unshare --net sh -euc "nft --file /etc/nftables.conf; $list" 2>/dev/null || true
echo '== wanted'
printf '%s\n' "$1" | unshare --net sh -euc "nft --file -; $list"
