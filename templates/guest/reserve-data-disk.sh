# Writes to all of the data disk that no file system covers, so that its store really has that space: all of a blank disk, and what lies
# behind a file system that is to grow. Run as root with: $1 UUID of the file system, $2 virtio serial of the disk, $3 size of the disk in bytes.
# What another file system is on is left alone: whose it is says the script that prepares the disk.
set -eu
uuid=$1
device=/dev/disk/by-id/virtio-$2
size=$3
mebibyte=1048576

refuse() {
    echo "$1" >&2
    exit 3
}

udevadm settle --timeout=30 || true
[ -b "$device" ] || refuse "there is no data disk '$device' in the guest"
# The disk tells a new size by an interrupt, which a busy guest may take a moment to handle.
deadline=$(($(date +%s) + 60))
until [ "$(blockdev --getsize64 "$device")" -ge "$size" ]; do
    [ "$(date +%s)" -lt "$deadline" ] || refuse "the guest sees $(blockdev --getsize64 "$device") bytes of its data disk instead of $size"
    sleep 0.2
done

status=0
signature=$(blkid -p -o export "$device") || status=$?
if [ "$status" = 2 ] && [ -z "$(wipefs --no-act --noheadings "$device")" ]; then
    start=0
elif printf '%s\n' "$signature" | grep -qx 'TYPE=ext4' && printf '%s\n' "$signature" | grep -qx "UUID=$uuid"; then
    blocks=$(dumpe2fs -h "$device" 2>/dev/null | sed -n 's/^Block count: *//p')
    block=$(dumpe2fs -h "$device" 2>/dev/null | sed -n 's/^Block size: *//p')
    [ -n "$blocks" ] && [ -n "$block" ] || refuse "the file system of the data disk does not tell its size"
    start=$(((blocks * block + mebibyte - 1) / mebibyte))
else
    exit 0
fi
end=$((size / mebibyte))
done=$start
while [ "$done" -lt "$end" ]; do
    count=$((end - done))
    [ "$count" -le 1024 ] || count=1024
    dd if=/dev/zero of="$device" bs=1M seek="$done" count="$count" oflag=direct conv=notrunc,fsync status=none
    done=$((done + count))
    echo "reserving the data disk: $((done - start)) of $((end - start)) MiB"
done
