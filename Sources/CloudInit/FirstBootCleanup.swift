internal import ApplianceModel
internal import Basics
internal import Quoting

/// The work in a guest once cloud-init has finished: the guest must start again without its seed.
///
/// cloud-init's network files may use the interface name that cloud-init assigned, and without a seed the interface is not renamed. So the guest
/// gets a network file that matches only the MAC address, cloud-init is switched off, and what it kept of the seed (including a private key)
/// is removed.
package enum FirstBootCleanup {
    /// The network file in the guest. It sorts before the files of cloud-init, netplan and the images' own defaults, and the first
    /// match wins.
    package static let networkFile = "/etc/systemd/network/05-pgkvm.network"

    /// The content of `networkFile`.
    /// - Throws: `seed.invalid` for an impossible MAC address.
    package static func networkFileContent(_ network: GuestNetwork) throws -> String {
        guard SeedText.isMACAddress(network.macAddress) else {
            throw Failure(.seedInvalid, "\(SpecRules.shown(network.macAddress)) cannot be the MAC address of a guest")
        }
        return networkFilePreview(network)
    }

    /// The same for a MAC address that is not chosen yet: any text may be used instead.
    package static func networkFilePreview(_ network: GuestNetwork) -> String {
        var lines = [
            "# Written by pgkvm. The interface is found by its address, whatever its name.", "[Match]", "MACAddress=\(network.macAddress)", "",
            "[Network]",
        ]
        switch network.address {
        case .dhcp:
            lines += ["DHCP=ipv4"]
        case .static(let address):
            lines += ["Address=\(address.cidr)"] + [address.gateway.map { "Gateway=\($0)" }].compactMap(\.self) + address.nameServers.map { "DNS=\($0)" }
        }
        lines += ["LinkLocalAddressing=no", "IPv6AcceptRA=no"]
        // systemd-networkd derives its client identifier from the machine id. So the guest stays the client of its first boot, and keeps its lease.
        if case .dhcp = network.address { lines += ["", "[DHCPv4]", "UseHostname=no"] }
        return lines.joined(separator: "\n") + "\n"
    }

    /// A shell script to run as root in the guest; running it again changes nothing. It does not change the current network: the
    /// connection that it is run over stays, and the new file applies from the next boot.
    ///
    /// Works where cloud-init rendered for systemd-networkd, netplan or ifupdown. The logs stay as evidence, except one that contains a
    /// private key.
    /// - Parameter root: a directory to use instead of `/`.
    /// - Throws: `seed.invalid` for an impossible MAC address.
    package static func script(_ network: GuestNetwork, root: String = "") throws -> String {
        """
        set -eu
        umask 022
        root=\(ShellWord(root))
        file=$root\(networkFile)

        # The network first: after a power cut at any later point the guest is still reached.
        mkdir -p "${file%/*}"
        cat > "$file.new" <<'END'
        \(try networkFileContent(network))END
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
            rm -f "$instance/user-data"* "$instance/vendor-data"* "$instance/vendor-data2"* "$instance/cloud-config.txt" \\
                "$instance/vendor-cloud-config.txt" "$instance/vendor2-cloud-config.txt" "$instance/obj.pkl"
        done
        rm -rf "$root/var/lib/cloud/seed/nocloud" "$root/var/lib/cloud/seed/nocloud-net"
        rm -f "$root/run/cloud-init/instance-data-sensitive.json" "$root/run/cloud-init/instance-data.json" \\
            "$root/run/cloud-init/combined-cloud-config.json"
        for log in "$root/var/log/cloud-init.log"* "$root/var/log/cloud-init-output.log"*; do
            if [ -f "$log" ] && grep -q 'PRIVATE KEY' "$log"; then rm -f "$log"; fi
        done
        sync

        """
    }
}
