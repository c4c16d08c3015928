# Grows the file system of the data disk to the size of the disk, while it is in use. Run as root with: $1 UUID of the file system,
# $2 size of the disk in bytes. Running it again changes nothing.
set -eu
uuid=$1
size=$2
target=/var/lib/postgresql

[ "$(findmnt -n -o UUID "$target")" = "$uuid" ] || {
    echo "'$target' is not mounted from the data disk" >&2
    exit 3
}
device=$(findmnt -n -o SOURCE "$target")
# The disk tells its new size by an interrupt, which a busy guest may take a moment to handle.
deadline=$(($(date +%s) + 60))
until [ "$(blockdev --getsize64 "$device")" -ge "$size" ]; do
    if [ "$(date +%s)" -ge "$deadline" ]; then
        echo "the guest sees $(blockdev --getsize64 "$device") bytes of its data disk instead of $size" >&2
        exit 4
    fi
    sleep 0.2
done
echo "growing the file system"
resize2fs "$device"
sync -f "$target"
