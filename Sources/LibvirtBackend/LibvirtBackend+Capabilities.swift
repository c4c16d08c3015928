package import MachineBackend

extension LibvirtBackend {
    package var capabilities: Capabilities {
        var can = Capabilities()
        can.process = self
        can.serialLog = self
        can.usage = self
        can.dataDiskLocation = self
        can.dataDiskSpace = self
        can.discard = self
        can.diskWatching = self
        can.records = self
        can.unasked = self
        return can
    }
}
