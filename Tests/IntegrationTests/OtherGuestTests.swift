import ApplianceModel
import Basics
import FoundationEssentials
import HostSystem
import SystemPackage
import TestSupport
import Testing

extension GuestTests {
    /// Guests that CI has no time for.
    @Suite("Other guests", .serialized)
    struct OtherGuestTests {
        private static let options = ["--data-disk", "1GiB", "--memory", "1GiB"]

        /// Deploys, verifies and deletes; `body` runs before the delete.
        private func deployed(
            _ name: String, _ options: [String], in home: PGKVMHome, _ body: (Guest) async throws -> Void = { _ in }
        ) async throws {
            let result = try await Stage.run("deploy \(name)") { try await home.run(["deploy", name] + options + Self.options) }
            try #require(result.status == 0, "\(result.errorText)")
            let guest = Guest(home: home, name: name)
            try await guest.verify().expectPassed()
            try await body(guest)
            try await home.check("delete", name, "--confirm", name)
            #expect(try await home.hasNoProcesses())
        }

        @Test("A Debian 12 guest is deployed with PostgreSQL 15 and verified", .fullRun)
        func debian12() async throws {
            let home = try Guests.shared().home
            try await Stage.run("image of Debian 12") { try await home.check("image", "build", "debian-12") }
            try await deployed("twelve", ["--image", "debian-12"], in: home) { guest in
                #expect(try await guest.status().postgresqlVersion == 15)
                let release = try await guest.root(". /etc/os-release; echo $VERSION_ID")
                #expect(release == "12")
            }
        }

        @Test("A second kernel that is installed in the guest is the one that boots, the one before is kept, and the database comes up with it", .fullRun)
        func secondKernel() async throws {
            let home = try Guests.shared().home
            try await deployed("kernel", [], in: home) { guest in
                let first = try await guest.root("uname -r")
                let installed = try await Stage.run("install a second kernel") { try await guest.root(SecondKernel.script) }
                let second = String(try #require(installed.split(separator: "\n").last))
                #expect(second != first)
                let entries = try await guest.root("ls /boot/efi/loader/entries").split(separator: "\n").map(String.init)
                #expect(entries.sorted() == ["pgkvm-\(first).conf", "pgkvm-\(second).conf"].sorted())
                #expect(try await guest.selectedEntry() == "pgkvm-\(first).conf")

                try await Stage.run("restart into the second kernel") { try await home.check("restart", "kernel") }
                #expect(try await guest.selectedEntry() == "pgkvm-\(second).conf")
                #expect(try await guest.root("cat /proc/cmdline").contains("panic=10"))
                #expect(try await guest.root("ls /boot/efi/loader/entries").split(separator: "\n").map(String.init).sorted() == entries.sorted())
                try await guest.verify().expectPassed()
            }
        }

        @Test(
            "A user without rights deploys an appliance, verifies it and measures it, and what only root can count is left out", .fullRun,
            .enabled("needs root, to become that user") { HostEnvironment.isRoot })
        func userWithoutRights() async throws {
            try await Stage.run("image") { try await Guests.shared().home.check("image", "build", "debian-13") }
            try await PGKVMHome.with { rootHome in
                let home = try await rootHome.handedOver(to: "nobody")
                try await deployed("plain", [], in: home) { guest in
                    let report = try await Stage.run("verify plain") { try await guest.measured("--rounds", "2") }
                    #expect(report.findings.filter { $0.level == .fail }.map { "\($0.check): \($0.measured)" } == [])
                    let unmeasured = report.findings.first { $0.check == "durability.host-flushes" }
                    #expect(unmeasured?.level == .skip)
                    #expect(unmeasured?.measured.contains("only root") == true)
                    for check in ["durability.flushes", "disk.virtualization-tax", "process.user", "process.capabilities", "postgresql.doors"] {
                        #expect(report.findings.first { $0.check == check }?.level == .pass, "\(check)")
                    }
                }
            }
        }

        @Test("An image that is imported with its checksum is deployed when it starts by UEFI", .fullRun)
        func importedUEFI() async throws {
            let home = try Guests.shared().home.withOwnCache
            let disk = home.path.appending("uefi.raw")
            try await RawImage.make(disk, from: Guests.shared().home)
            try await home.check("image", "import", disk.string, "--checksum", RawImage.checksum(disk), "--name", "uefi")
            try Files.remove(disk)
            #expect(try await RawImage.firmware(of: "uefi", in: home) == "uefi")
            try await deployed("uefi", ["--image", "uefi"], in: home)
        }

        @Test(
            "An image that is imported with its checksum is deployed when it starts by BIOS", .fullRun,
            .enabled("syslinux is installed") { ProgramRunner.lookUp("syslinux") != nil })
        func importedBIOS() async throws {
            let home = try Guests.shared().home.withOwnCache
            let disk = home.path.appending("bios.raw")
            try await RawImage.make(disk, from: Guests.shared().home)
            try await RawImage.turnToBIOS(disk)
            try await home.check("image", "import", disk.string, "--checksum", RawImage.checksum(disk), "--name", "bios")
            try Files.remove(disk)
            #expect(try await RawImage.firmware(of: "bios", in: home) == "bios")
            try await deployed("bios", ["--image", "bios"], in: home) { guest in
                let firmware = try await guest.root("test -e /sys/firmware/efi && echo UEFI || echo BIOS")
                #expect(firmware == "BIOS")
            }
        }
    }
}

extension Guest {
    /// What the boot loader started, as it told the system.
    fileprivate func selectedEntry() async throws -> String {
        // Variables cannot be read from the middle: the first four bytes, its attributes, are cut off afterwards.
        try await root("cat /sys/firmware/efi/efivars/LoaderEntrySelected-* | tail -c +5 | tr -d '\\000'")
    }
}

/// A kernel package as Debian makes them, with the running kernel's files under another version: it needs no network, and it
/// goes through the hooks of the guest as any update does.
private enum SecondKernel {
    static let script = #"""
        old=$(uname -r)
        new=$(printf '%s' "$old" | sed 's/^\([0-9]*\.[0-9]*\)\.[0-9]*/\1.999/')
        work=$(mktemp -d /var/tmp/kernel.XXXXXX)
        mkdir -p "$work/DEBIAN" "$work/boot" "$work/usr/lib/modules"
        cp "/boot/vmlinuz-$old" "$work/boot/vmlinuz-$new"
        cp "/boot/config-$old" "$work/boot/config-$new"
        cp -a "/usr/lib/modules/$old" "$work/usr/lib/modules/$new"
        cat >"$work/DEBIAN/control" <<END
        Package: linux-image-$new
        Version: 1
        Architecture: amd64
        Maintainer: nobody <nobody@localhost>
        Description: the running kernel under another version
        END
        # The kernel goes on calling itself by its own version, and looks for its modules there.
        printf '#!/bin/sh\n[ "$1" = prereqs ] || [ "$version" != "%s" ] || ln -s "$version" "$DESTDIR/usr/lib/modules/%s"\n' "$new" "$old" \
            >/etc/initramfs-tools/hooks/second-kernel
        chmod 755 /etc/initramfs-tools/hooks/second-kernel
        cat >"$work/DEBIAN/postinst" <<END
        #!/bin/sh
        set -e
        linux-update-symlinks install $new /boot/vmlinuz-$new
        exec run-parts --report --exit-on-error --arg=$new --arg=/boot/vmlinuz-$new /etc/kernel/postinst.d
        END
        chmod 755 "$work/DEBIAN/postinst"
        dpkg-deb -Znone --build "$work" "$work.deb" >&2
        dpkg -i "$work.deb" >&2
        rm -rf "$work" "$work.deb"
        echo "$new"
        """#
}

/// Disks for imports, made of the image that pgkvm builds.
private enum RawImage {
    static func make(_ disk: FilePath, from images: PGKVMHome) async throws {
        let key = try await images.check("image", "build", "debian-13")
        let home = try #require(EnvironmentVariable.value("HOME"))
        let cache = EnvironmentVariable.value("XDG_CACHE_HOME") ?? "\(home)/.cache"
        let source = FilePath(cache).appending("pgkvm").appending("images").appending(key).appending("disk.qcow2")
        _ = try await ProgramRunner.check("qemu-img", ["convert", "-O", "raw", source.string, disk.string])
    }

    static func checksum(_ disk: FilePath) async throws -> String {
        "sha512:" + (try await ProgramRunner.check("sha512sum", [disk.string]).outputText.prefix(128))
    }

    /// What the cache says of an image.
    static func firmware(of name: String, in home: PGKVMHome) async throws -> String? {
        struct Image: Decodable { let name, firmware: String }
        let images = try JSONDecoder().decode([Image].self, from: Data(try await home.check("image", "list", "--format", "json").utf8))
        return images.first { $0.name == name }?.firmware
    }

    /// Takes the EFI loader away and puts SYSLINUX in its place, with the same kernel and command line.
    static func turnToBIOS(_ disk: FilePath) async throws {
        let script = #"""
            disk=$1
            start=$(sgdisk --info=1 "$disk" | sed -n 's/^First sector: \([0-9]*\).*/\1/p')
            part=$disk@@$((start * 512))
            work=$(mktemp -d)
            trap 'rm -rf "$work"' EXIT
            mcopy -i "$part" "::/loader/entries/*.conf" "$work/"
            entry=$(ls "$work"/*.conf)
            value() { sed -n "s/^$1 *//p" "$entry"; }
            printf 'DEFAULT pgkvm\nLABEL pgkvm\n  LINUX %s\n  INITRD %s\n  APPEND %s\n' "$(value linux)" "$(value initrd)" "$(value options)" >"$work/syslinux.cfg"
            mcopy -i "$part" "$work/syslinux.cfg" ::/syslinux.cfg
            mdeltree -i "$part" ::/EFI
            syslinux --install --offset $((start * 512)) "$disk"
            dd if=/usr/lib/syslinux/mbr/gptmbr.bin of="$disk" bs=440 count=1 conv=notrunc status=none
            sgdisk --typecode=1:0700 --attributes=1:set:2 "$disk" >/dev/null
            """#
        _ = try await ProgramRunner.check("sh", ["-euc", script, "sh", disk.string])
    }
}
