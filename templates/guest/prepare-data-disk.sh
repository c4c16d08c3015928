# Puts ext4 on the data disk and mounts it where Debian keeps clusters.
# Run as root with: $1 UUID of the file system, $2 virtio serial of the disk, $3 "new" or "adopted".
# Only a blank disk, or one whose file system is ours and was never mounted, is ever formatted.
set -eu
uuid=$1
device=/dev/disk/by-id/virtio-$2
origin=$3
target=/var/lib/postgresql
unit=$(systemd-escape --path --suffix=mount "$target")

refuse() {
    echo "$1" >&2
    exit 3
}

# It ends as soon as udev has seen every device; a slow guest needs its time for that.
udevadm settle --timeout=300 || true
[ -b "$device" ] || refuse "there is no data disk '$device' in the guest"

# blkid -p reads the device itself. 2: nothing known on it; anything else that is not 0: more than one signature.
status=0
signature=$(blkid -p -o export "$device") || status=$?
case $status in
0 | 2) ;;
*) refuse "the data disk holds signatures that contradict each other; it is not touched" ;;
esac
found_type=$(printf '%s\n' "$signature" | sed -n 's/^TYPE=//p')
found_uuid=$(printf '%s\n' "$signature" | sed -n 's/^UUID=//p')

is_blank() {
    [ "$status" = 2 ] && [ -z "$(wipefs --no-act --noheadings "$device")" ]
}

is_ours_and_unused() {
    [ "$found_type" = ext4 ] && [ "$found_uuid" = "$uuid" ] && [ "$origin" = new ] &&
        [ "$(dumpe2fs -h "$device" 2>/dev/null | sed -n 's/^Mount count: *//p')" = 0 ]
}

make_file_system() {
    echo "making the file system"
    # nodiscard: the host has reserved the space and is to keep it. No lazy initialization: it would write behind a
    # measurement, and behind the first commits.
    mkfs.ext4 -q -F -U "$uuid" -L pgdata -E nodiscard,lazy_itable_init=0,lazy_journal_init=0 "$device"
    sync "$device"
}

# nofail: SSH stays up without the disk. No limit for disk and mount: systemd would give up both for good, while the disk of a slow guest is still
# on its way. PostgreSQL's unit requires the mount, so it starts when the disk comes, and never on the system disk.
remember_mount() {
    if grep -q "^UUID=$uuid " /etc/fstab; then
        sed "/^UUID=$uuid /s/x-systemd\.device-timeout=60s/$patience/" /etc/fstab >/etc/fstab.pgkvm-new
    else
        { sed '$a\' /etc/fstab && echo "UUID=$uuid $target ext4 noatime,nofail,$patience 0 2"; } >/etc/fstab.pgkvm-new
    fi
    if cmp -s /etc/fstab.pgkvm-new /etc/fstab; then
        rm /etc/fstab.pgkvm-new
    else
        chmod 644 /etc/fstab.pgkvm-new
        sync /etc/fstab.pgkvm-new
        mv /etc/fstab.pgkvm-new /etc/fstab
        sync /etc
    fi
}
patience=x-systemd.device-timeout=infinity,x-systemd.mount-timeout=infinity

if mountpoint -q "$target"; then
    [ "$(findmnt -n -o UUID "$target")" = "$uuid" ] || refuse "'$target' is already mounted from another disk"
    remember_mount
    exit 0
fi
if is_blank; then
    [ "$origin" = new ] || refuse "the data disk to adopt is blank"
    make_file_system
elif is_ours_and_unused; then
    make_file_system
elif [ "$found_type" = ext4 ] && [ "$found_uuid" = "$uuid" ]; then
    echo "the file system is there"
else
    refuse "the data disk already holds '${found_type:-a partition table}' (UUID ${found_uuid:-none}); it is never formatted"
fi

remember_mount
mkdir -p "$target"
# The boot may be checking and mounting it right now: then this waits for the end of that.
if systemctl is-active --quiet "$(systemd-escape --path --suffix=device "/dev/disk/by-uuid/$uuid")" && systemctl is-enabled --quiet "$unit" 2>/dev/null; then
    systemctl start "$unit" || true
fi
if ! mountpoint -q "$target" && ! mount "$target"; then
    echo "checking the file system"
    fsck.ext4 -p "$device" || [ $? -le 1 ]
    mount "$target"
fi
findmnt -n -o SOURCE,FSTYPE,OPTIONS "$target"
