# Puts the packet filter of /etc/nftables.conf in force, now and at each boot. Run as root.
set -eu
command -v nft >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet nftables
nft --file /etc/nftables.conf
systemctl is-enabled --quiet nftables.service || systemctl enable --quiet nftables.service
