# Makes the unpacked Debian system in $1 the emulated host, and writes its file system. mmdebstrap runs it as root of its namespace.
# Descriptor 20: the disk, 21: takes the kernel, 22: the initrd.
set -eu
root=$1
umask 022
cd /
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
in_root() { chroot "$root" "$@"; }
write() { mkdir -p "$root$(dirname "$1")" && cat >"$root$1"; }

printf 'emulated\n' | write /etc/hostname
printf '127.0.0.1 localhost emulated\n::1 localhost\n' | write /etc/hosts
printf '/dev/vda / ext4 defaults,noatime 0 1\n/dev/vdb /stage ext4 ro,noatime 0 0\n' | write /etc/fstab
mkdir -p "$root/stage"
# The ordinary way of Debian to have a bridge: ifupdown, which waits for udev before it makes one.
write /etc/network/interfaces <<'END'
auto lo
iface lo inet loopback

auto br0
iface br0 inet static
    address 10.77.0.1/24
    bridge_ports none
    bridge_fd 0
END
write /etc/systemd/network/50-ens.network <<'END'
[Match]
Name=en*
[Network]
DHCP=ipv4
END
# The product's files come with a second disk, its shared libraries among them.
printf '/stage/lib\n' | write /etc/ld.so.conf.d/stage.conf
write /etc/systemd/system/stage-libraries.service <<'END'
[Unit]
DefaultDependencies=no
RequiresMountsFor=/stage
Before=sysinit.target
[Service]
Type=oneshot
ExecStart=/sbin/ldconfig
[Install]
WantedBy=sysinit.target
END
write /etc/ssh/sshd_config.d/stage.conf <<'END'
AuthorizedKeysFile /stage/authorized_keys
StrictModes no
PermitRootLogin prohibit-password
UseDNS no
MaxStartups 50
END
printf '[Journal]\nStorage=persistent\nRateLimitBurst=0\n' | write /etc/systemd/journald.conf.d/stage.conf
ln -sf ../usr/share/zoneinfo/UTC "$root/etc/localtime"

# user1 keeps its service manager without a login, user2 does not; both are in the group kvm. user3 is an ordinary user.
for user in user1 user2 user3; do in_root useradd --create-home --shell /bin/bash "$user"; done
for user in user1 user2; do in_root usermod --append --groups kvm "$user"; done
# user1 is also who administers the host, and so can do what a message says root should.
printf 'user1 ALL=(ALL) NOPASSWD: ALL\n' | write /etc/sudoers.d/user1
mkdir -p "$root/var/lib/systemd/linger"
: >"$root/var/lib/systemd/linger/user1"

in_root systemctl enable -q systemd-networkd.service ssh.service stage-libraries.service
for unit in apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer man-db.timer dpkg-db-backup.timer \
    systemd-networkd-wait-online.service libvirt-guests.service virtlockd.socket; do
    in_root systemctl disable -q "$unit" 2>/dev/null || true
done
in_root systemctl mask -q modprobe@drm.service systemd-pstore.service getty@tty1.service systemd-binfmt.service ldconfig.service \
    proc-sys-fs-binfmt_misc.automount 2>/dev/null
mkdir -p "$root/etc/systemd/system-generators"
for generator in ssh gpt-auto; do ln -s /dev/null "$root/etc/systemd/system-generators/systemd-$generator-generator"; done
# The profiles of programs that this host does not have cost half of its boot to compile.
for profile in "$root"/etc/apparmor.d/*; do
    case ${profile##*/} in
        usr.* | lsb_release | unprivileged_userns) ;;
        *) [ -d "$profile" ] || rm "$profile" ;;
    esac
done

printf 'MODULES=list\nCOMPRESS=gzip\n' | write /etc/initramfs-tools/conf.d/stage.conf
printf '%s\n' virtio_pci virtio_blk ext4 | write /etc/initramfs-tools/modules
in_root update-initramfs -c -k all >/dev/null 2>&1 || in_root update-initramfs -u -k all
cat "$root"/boot/vmlinuz-* >/proc/self/fd/21
cat "$root"/boot/initrd.img-* >/proc/self/fd/22

in_root apt-get clean
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/log/*.log "$root"/tmp/* "$root"/boot/*
rm -f "$root/etc/resolv.conf"
printf 'nameserver 10.0.2.3\n' | write /etc/resolv.conf
# The files of the disk as they are: what mmdebstrap has mounted goes first, in a mount namespace of its own.
fill=$(cat <<'END'
set -eu
while mount=$(awk -v root="$1/" 'index($5, root) == 1 { print $5 }' /proc/self/mountinfo | sort | head -n 1) && [ -n "$mount" ]; do
    umount --lazy "$mount"
done
exec mke2fs -q -F -t ext4 -L emulated -m 1 -d "$1" -E lazy_itable_init=1,lazy_journal_init=1,nodiscard /proc/self/fd/20
END
)
unshare --mount --propagation private sh -c "$fill" fill "$root"
