set -eu
umask 022
root=''
file=$root/etc/systemd/network/05-pgkvm.network

# The network first: after a power cut at any later point the guest is still reached.
mkdir -p "${file%/*}"
cat > "$file.new" <<'END'
# Written by pgkvm. The interface is found by its address, whatever its name.
[Match]
MACAddress=52:54:00:12:34:56

[Network]
DHCP=ipv4
LinkLocalAddressing=no
IPv6AcceptRA=no

[DHCPv4]
UseHostname=no
END
chmod 644 "$file.new"
sync
mv -f "$file.new" "$file"
# Some images start networkd only as long as netplan has a file that asks for it.
if [ "$(systemctl is-enabled systemd-networkd.service 2>/dev/null)" != enabled ]; then
    systemctl enable systemd-networkd.service
fi

mkdir -p "$root/etc/cloud"
touch "$root/etc/cloud/cloud-init.disabled"
sync

rm -f "$root/etc/netplan/50-cloud-init.yaml" "$root/etc/network/interfaces.d/50-cloud-init"*
rm -f "$root/etc/systemd/network/10-cloud-init-"*.network "$root/etc/systemd/network/10-cloud-init-"*.link

for instance in "$root/var/lib/cloud/instances/"*; do
    rm -f "$instance/user-data"* "$instance/vendor-data"* "$instance/vendor-data2"* "$instance/cloud-config.txt" \
        "$instance/vendor-cloud-config.txt" "$instance/vendor2-cloud-config.txt" "$instance/obj.pkl"
done
rm -rf "$root/var/lib/cloud/seed/nocloud" "$root/var/lib/cloud/seed/nocloud-net"
rm -f "$root/run/cloud-init/instance-data-sensitive.json" "$root/run/cloud-init/instance-data.json" \
    "$root/run/cloud-init/combined-cloud-config.json"
for log in "$root/var/log/cloud-init.log"* "$root/var/log/cloud-init-output.log"*; do
    if [ -f "$log" ] && grep -q 'PRIVATE KEY' "$log"; then rm -f "$log"; fi
done
sync
