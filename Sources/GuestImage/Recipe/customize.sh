# Makes the unpacked Debian system in $1 a base image, and writes its file systems into the disk image.
# mmdebstrap runs it as a hook, as root of its namespace. From ImageBuilder:
#   SUITE, MIRROR, SECURITY_MIRROR, SIGNED_BY, SECURITY_SIGNED_BY (keyrings in the guest), POSTGRESQL (major version),
#   MIRROR_FIELDS, SECURITY_MIRROR_FIELDS (further lines of the guest's sources, or nothing),
#   ROOT_UUID, ESP_UUID, ESP_OFFSET, ROOT_OFFSET, ROOT_SIZE (bytes), SCRATCH (its keyrings/ and guest-files go into the image, question.sql is for the server)
#   descriptor 20: the disk image, partitioned; descriptor 21: takes the list of what verification reads back; descriptor 23: takes
#   what the server says of itself, and stays empty where it cannot be asked.
set -eu
root=$1
umask 022
# Where the build was started may be closed to this user.
cd /
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

in_root() { chroot "$root" "$@"; }
# The host's apt on the packages of the new system: name servers, proxies and certificates are the host's.
outside_apt() { APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get -o APT::Sandbox::User=root "$@"; }
say() { echo "pgkvm: $*" >&2; }
# Without standard output, which nobody reads.
quietly() { "$@" >/dev/null; }
write() { mkdir -p "$root$(dirname "$1")" && cat >"$root$1"; }

say "adding the dependencies of PostgreSQL $POSTGRESQL"
# The server itself comes with the deployment; no cluster may appear on the system disk.
server="postgresql-$POSTGRESQL postgresql-client-$POSTGRESQL"
wanted=$(outside_apt -s install --no-install-recommends $server | sed -n 's/^Inst \([^ ]*\).*/\1/p')
dependencies=
for package in $wanted; do
    case " $server " in *" $package "*) ;; *) dependencies="$dependencies $package" ;; esac
done
quietly outside_apt install -y -qq --no-install-recommends --download-only $dependencies
quietly in_root apt-get install -y -qq --no-install-recommends --no-download $dependencies

say "packing the packages of PostgreSQL $POSTGRESQL"
# Repacked without compression: unpacking xz is most of the installation's work where the processor is emulated. The manual
# pages are left out as those of all packages are: linking some 400 of them takes such a guest half a minute.
packages=/var/cache/pgkvm/packages
mkdir -p "$root$packages" "$root/tmp/pgkvm"
(cd "$root/tmp/pgkvm" && quietly outside_apt download -qq $server)
quietly in_root sh -euc "cd /tmp/pgkvm
for package in *.deb; do
    dpkg-deb -R \"\$package\" unpacked
    rm -rf unpacked/usr/share/postgresql/*/man
    sed -i '/ usr\/share\/postgresql\/[0-9]*\/man\//d' unpacked/DEBIAN/md5sums
    dpkg-deb -b -Znone unpacked $packages/\"\$package\"
    rm -rf unpacked
done
cd $packages && sha256sum *.deb >SHA256SUMS"
rm -rf "$root/tmp/pgkvm"

say "asking PostgreSQL $POSTGRESQL for its settings"
# The server is carried and not installed: it is unpacked aside, where it finds its files by their place beside its programs, and runs on a
# cluster that is there for this question only. It refuses to be root. Without a network, and without /dev/shm, which a namespace may lack.
further=$(APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-cache pkgnames postgresql- | grep -E -e "^postgresql-($POSTGRESQL-.*|.*-$POSTGRESQL)\$" | grep -v -e -dbgsym | sort)
mkdir -p "$root/tmp/pgkvm/server"
install -m 0644 "$SCRATCH/question.sql" "$root/tmp/pgkvm/question.sql"
for package in "$root$packages"/*.deb; do
    in_root dpkg-deb -x "$packages/${package##*/}" /tmp/pgkvm/server
done
in_root install -d -o postgres -g postgres -m 0700 /tmp/pgkvm/cluster
# A trap and not a list of commands: whatever ends the question, the server ends with it.
ask=$(cat <<'END'
set -eu
cd /tmp/pgkvm/cluster
bin=/tmp/pgkvm/server/usr/lib/postgresql/$1/bin
trap '"$bin/pg_ctl" -D data -m immediate -w stop >/dev/null 2>&1 || true' EXIT
"$bin/initdb" -D data -U postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync --no-instructions >log 2>&1
"$bin/pg_ctl" -D data -l log -w -t 120 -o "-F -k $PWD -c listen_addresses= -c dynamic_shared_memory_type=mmap -c shared_buffers=16MB \
    -c max_connections=10 -c shared_preload_libraries=pg_stat_statements" start >/dev/null
"$bin/psql" -X -q -h "$PWD" -U postgres -v ON_ERROR_STOP=1 -v scratch=1 -v packages="$2" -f /tmp/pgkvm/question.sql postgres >answer 2>>log
END
)
if in_root setpriv --reuid=postgres --regid=postgres --clear-groups env HOME=/tmp TZ=UTC sh -c "$ask" ask "$POSTGRESQL" "$further"; then
    cat "$root/tmp/pgkvm/cluster/answer" >/proc/self/fd/23
else
    say "PostgreSQL $POSTGRESQL cannot be asked here; specs are judged in the guest only: $(tail -n 1 "$root/tmp/pgkvm/cluster/log" 2>/dev/null)"
fi
rm -rf "$root/tmp/pgkvm"
# A locale of the spec's is made in the guest, offline, from its source.
in_root test -e /usr/share/i18n/locales/en_US -a -e /usr/share/i18n/charmaps/UTF-8.gz

say "configuring the system"
rm -f "$root/etc/apt/sources.list" "$root"/etc/apt/sources.list.d/* "$root"/etc/apt/apt.conf.d/99mmdebstrap
# Of the options of the build the guest keeps what is left out of packages.
grep '^path-' "$root/etc/dpkg/dpkg.cfg.d/99mmdebstrap" | write /etc/dpkg/dpkg.cfg.d/50pgkvm
rm "$root/etc/dpkg/dpkg.cfg.d/99mmdebstrap"
write /etc/apt/sources.list.d/debian.sources <<END
Types: deb
URIs: $MIRROR
Suites: $SUITE $SUITE-updates
Components: main
Signed-By: $SIGNED_BY
$MIRROR_FIELDS
Types: deb
URIs: $SECURITY_MIRROR
Suites: $SUITE-security
Components: main
Signed-By: $SECURITY_SIGNED_BY
$SECURITY_MIRROR_FIELDS
END
for keyring in "$SCRATCH"/keyrings/*; do
    [ ! -e "$keyring" ] || install -m 0644 "$keyring" "$root/usr/share/keyrings/${keyring##*/}"
done
while read -r number path; do
    write "$path" <"$SCRATCH/guest-file-$number"
done <"$SCRATCH/guest-files"
printf '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n' | write /etc/hosts
write /etc/fstab <<END
PARTUUID=$ROOT_UUID / ext4 defaults,noatime,errors=remount-ro,x-systemd.growfs 0 1
PARTUUID=$ESP_UUID /boot/efi vfat umask=0077,noauto,x-systemd.automount,x-systemd.idle-timeout=60 0 0
END
# The first boot on a larger disk grows partition and file system; systemd does in a tenth of growpart's time.
printf '[Partition]\nType=root-x86-64\n' | write /etc/repart.d/50-root.conf
write /etc/ssh/sshd_config.d/50-pgkvm.conf <<END
PasswordAuthentication no
KbdInteractiveAuthentication no
END
# The verification reads CPUID as the guest executes it.
echo cpuid | write /etc/modules-load.d/pgkvm.conf
write /etc/modprobe.d/pgkvm.conf <<END
# A database server runs no guests; their modules load by name only.
blacklist kvm_amd
blacklist kvm_intel
blacklist efi_pstore
END
# Debian 13 leaves it to a sysctl; with the capability ping works for every user in both releases.
in_root setcap cap_net_raw+ep /usr/bin/ping
in_root passwd -q -l root

# One call a unit: a call that names a missing unit enables none.
for unit in systemd-networkd.service systemd-resolved.service chrony.service ssh.service serial-getty@ttyS0.service; do
    in_root systemctl enable -q "$unit"
done
# Nothing restarts the database behind its administrator, and nothing trims the preallocated data disk.
for unit in apt-daily.timer apt-daily-upgrade.timer fstrim.timer e2scrub_all.timer e2scrub_reap.service man-db.timer dpkg-db-backup.timer \
    systemd-networkd-wait-online.service; do
    in_root systemctl disable -q "$unit" 2>/dev/null || true
done
# What only costs time at boot. sshd-keygen would make RSA keys where cloud-init brings the pinned one.
for unit in sshd-keygen.service systemd-boot-random-seed.service systemd-binfmt.service proc-sys-fs-binfmt_misc.automount \
    modprobe@drm.service modprobe@fuse.service modprobe@efi_pstore.service modprobe@dm_mod.service modprobe@loop.service sys-fs-fuse-connections.mount systemd-pstore.service \
    systemd-udev-load-credentials.service systemd-network-generator.service modprobe@configfs.service sys-kernel-config.mount \
    cloud-init-hotplugd.socket; do
    in_root systemctl mask -q "$unit" 2>/dev/null
done
# A login waits for the user's own service manager, seconds where the processor is emulated; nobody has services of his own here.
in_root systemctl mask -q user@.service
mkdir -p "$root/etc/systemd/system-generators"
for generator in bless-boot gpt-auto hibernate-resume rc-local ssh sysv system-update tpm2; do
    ln -s /dev/null "$root/etc/systemd/system-generators/systemd-$generator-generator"
done

write /etc/cloud/cloud.cfg.d/90_pgkvm.cfg <<END
# Each module costs start-up time; these are the ones that a deployment uses.
datasource_list: [NoCloud]
cloud_init_modules: [bootcmd, write_files, set_hostname, update_etc_hosts, users_groups, ssh]
cloud_config_modules: [runcmd]
cloud_final_modules: [package_update_upgrade_install, write_files_deferred, scripts_user, final_message]
END

say "preparing the boot loader"
efi=$root/boot/efi
# panic=10: a dead guest starts again. Of the security modules the ones that Debian uses; loading bpf's takes seconds when emulated.
echo "root=PARTUUID=$ROOT_UUID ro console=tty0 console=ttyS0,115200 panic=10 lsm=landlock,lockdown,yama,apparmor" | write /etc/kernel/cmdline
echo pgkvm | write /etc/kernel/entry-token
printf 'layout=bls\nBOOT_ROOT=/boot/efi\n' | write /etc/kernel/install.conf
printf 'MODULES=list\nCOMPRESS=zstd\n' | write /etc/initramfs-tools/conf.d/pgkvm.conf
printf '%s\n' virtio_pci virtio_blk virtio_scsi sd_mod nvme hv_storvsc xen_blkfront ext4 | write /etc/initramfs-tools/modules
mkdir -p "$efi/loader/entries" "$efi/pgkvm" "$efi/EFI/BOOT" "$efi/EFI/systemd"
# No default: systemd-boot takes the newest version.
printf 'timeout 0\nconsole-mode keep\neditor no\n' >"$efi/loader/loader.conf"
for target in EFI/BOOT/BOOTX64.EFI EFI/systemd/systemd-bootx64.efi; do
    cp "$root/usr/lib/systemd/boot/efi/systemd-bootx64.efi" "$efi/$target"
done
# The entry is the one that the guest's kernel updates will make. While it is made the directory is no mount point, so
# the paths in it start in the wrong place.
for kernel in "$root"/lib/modules/*; do
    kernel=${kernel##*/}
    quietly in_root update-initramfs -c -k "$kernel" 2>&1
    in_root kernel-install add "$kernel" "/boot/vmlinuz-$kernel" "/boot/initrd.img-$kernel" 2>/dev/null
done
sed -i 's, /boot/efi/, /,' "$efi"/loader/entries/*.conf
for entry in "$efi"/loader/entries/*.conf; do
    for file in $(sed -n 's/^\(linux\|initrd\) *//p' "$entry"); do test -s "$efi$file"; done
    ! grep -q '^machine-id' "$entry"
done

say "removing what belongs to one machine"
rm -f "$root"/etc/ssh/ssh_host_* "$root/etc/ssl/private/ssl-cert-snakeoil.key" "$root/etc/ssl/certs/ssl-cert-snakeoil.pem"
rm -f "$root/etc/hostname" "$root/etc/resolv.conf" "$root/var/lib/dbus/machine-id" "$root/var/lib/systemd/random-seed"
: >"$root/etc/machine-id"
ln -s ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
in_root apt-get clean
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/debconf/*-old "$root"/var/log/apt "$root"/var/log/*.log "$root"/tmp/* "$root"/var/tmp/*
# Or the first boot repeats what the packages did just now (ldconfig, the journal's catalogue). Debian 12 has no such thing.
[ ! -x "$root/usr/lib/systemd/systemd-update-done" ] || in_root /usr/lib/systemd/systemd-update-done
test -L "$root/lib"

say "writing the file systems"
mcopy -i "/proc/self/fd/20@@$ESP_OFFSET" -s "$efi/EFI" "$efi/loader" "$efi/pgkvm" ::/
rm -rf "${efi:?}"/*
in_root python3 - >/proc/self/fd/21 <<'END'
import os, stat
for directory, names, files in os.walk("/"):
    if directory == "/":
        names[:] = [name for name in names if name not in ("dev", "proc", "sys", "tmp")]
    for path in (os.path.join(directory, name) for name in names + files):
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode) or "\n" in path:
            continue
        try:
            capability = os.getxattr(path, "security.capability").hex()
        except OSError:
            capability = "-"
        if status.st_uid or status.st_gid or status.st_mode & 0o6000 or capability != "-":
            print(f"{status.st_mode & 0o7777:o} {status.st_uid} {status.st_gid} {capability} {path}")
END
# mke2fs copies what it sees, so it must not see /proc and /dev: they go, in a mount namespace of its own.
fill=$(cat <<'END'
set -eu
# Lazily, because an unprivileged namespace may detach what it got from the host only as a whole.
while mount=$(awk -v root="$1/" 'index($5, root) == 1 { print $5 }' /proc/self/mountinfo | sort | head -n 1) && [ -n "$mount" ]; do
    umount --lazy "$mount"
done
exec mke2fs -q -F -t ext4 -L root -m 1 -d "$1" \
    -E "offset=$ROOT_OFFSET,lazy_itable_init=0,lazy_journal_init=0,nodiscard" /proc/self/fd/20 "$((ROOT_SIZE / 1024))k"
END
)
unshare --mount --propagation private sh -c "$fill" fill "$root"
