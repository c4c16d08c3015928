# Prints facts of the guest, `key=value` a line, for verification. Run as root with: $1 major version, and SSH_CONNECTION as sshd set it.
# Changes nothing.
version=$1
echo "cpus=$(nproc --all)"
echo "memory_kib=$(sed -n 's/^MemTotal: *\([0-9]*\).*/\1/p' /proc/meminfo)"
# The disks that a device is made of in the end, whatever lies between.
disks_of() { lsblk -nrso NAME,TYPE "$1" 2>/dev/null | sed -n 's/ disk$//p' | sort -u; }
# What drives each of them: the disk's own driver first, then its controller's. The "sd" of a SATA disk alone names no emulation.
drivers_of() {
    for name in "$@"; do
        place=$(readlink -f "/sys/block/$name/device")
        while [ "${place#/sys/devices/}" != "$place" ]; do
            [ ! -e "$place/driver" ] || basename "$(readlink -f "$place/driver")"
            place=${place%/*}
        done | grep -vx pcieport | head -n 2 | paste -s -d ' '
    done | paste -s -d ,
}
# Whatever holds the data is looked at: a disk of another kind has no such link.
disk=/dev/disk/by-id/virtio-pgdata
if [ ! -b "$disk" ]; then
    disk=$(disks_of "$(findmnt -n -v -o SOURCE --mountpoint /var/lib/postgresql)" | head -n 1)
    disk=${disk:+/dev/$disk}
fi
disk=$(readlink -f "$disk")
echo "data_disk=$disk"
echo "data_disk_drivers=$(drivers_of "$(basename "$disk")")"
echo "data_disk_bytes=$(blockdev --getsize64 "$disk" 2>/dev/null)"
queue=/sys/block/$(basename "$disk")
echo "data_disk_serial=$(cat "$queue/serial" 2>/dev/null)"
echo "data_disk_queues=$(ls "$queue/mq" 2>/dev/null | wc -l)"
echo "data_disk_scheduler=$(cat "$queue/queue/scheduler" 2>/dev/null)"
echo "data_disk_discard_max=$(cat "$queue/queue/discard_max_bytes" 2>/dev/null)"
# Of every disk that can be written and is a device, not made of memory or a file.
echo "write_caches=$(for block in /sys/block/*; do
    [ -e "$block/device" ] && [ "$(cat "$block/ro")" = 0 ] && printf '%s:%s;' "${block##*/}" "$(cat "$block/queue/write_cache")"
done)"
echo "root_disk_drivers=$(drivers_of $(disks_of "$(findmnt -n -v -o SOURCE /)"))"
# The card that has the address to which this session came. A guest may have several cards, name them as it likes, and have no default route.
# A bridge, bond or VLAN on top of a card has the address then, and the card lies below it.
cards_below() {
    [ ! -e "/sys/class/net/$1/device" ] || echo "$1"
    for lower in "/sys/class/net/$1/lower_"*; do
        [ ! -e "$lower" ] || cards_below "${lower##*/lower_}"
    done
}
own=$(printf '%s\n' "${SSH_CONNECTION:-}" | cut -s -d ' ' -f 3)
link=$([ -z "$own" ] || ip -o address show to "$own" | sed -n '1s/^[0-9]*: *\([^ @]*\).*/\1/p')
card=$([ -z "$link" ] || cards_below "$link" | head -n 1)
link=${card:-$link}
echo "network_link=$link"
echo "network_driver=$(basename "$(readlink -f "/sys/class/net/$link/device/driver" 2>/dev/null)")"
echo "data_mount=$(findmnt -n -o SOURCE,FSTYPE,OPTIONS --target "/var/lib/postgresql/$version/main" 2>/dev/null)"
echo "data_available_kib=$(df --output=avail -k /var/lib/postgresql | tail -n 1 | tr -dc 0-9)"
echo "data_used_percent=$(df --output=pcent /var/lib/postgresql | tail -n 1 | tr -dc 0-9)"
echo "system_used_percent=$(df --output=pcent / | tail -n 1 | tr -dc 0-9)"
[ -e /run/reboot-required ] || [ -e /var/run/reboot-required ] && echo "reboot_required=yes" || echo "reboot_required=no"
running=$(uname -r)
newest=$(ls -1 /lib/modules | sort -V | tail -n 1)
echo "kernel_running=$running"
echo "kernel_newest=$newest"
if [ -n "$(ls -A /var/lib/apt/lists 2>/dev/null | grep -v -e lock -e partial -e auxfiles)" ]; then
    echo "security_updates=$(apt-get -s -o Debug::NoLocking=true upgrade 2>/dev/null | grep -c '^Inst .*[Ss]ecurity')"
else
    echo "security_updates=unknown"
fi
echo "failed_units=$(systemctl --failed --no-legend --plain | cut -d ' ' -f 1 | tr '\n' ' ')"
