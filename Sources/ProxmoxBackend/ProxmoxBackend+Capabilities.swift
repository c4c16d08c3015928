package import MachineBackend

extension ProxmoxBackend {
    package var capabilities: Capabilities {
        var can = Capabilities()
        can.spaceReserving = self
        can.discard = self
        can.availability = self
        can.names = self
        can.remote = self
        can.unasked = self
        return can
    }
}
