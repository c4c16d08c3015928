package import MachineBackend

extension QEMUBackend {
    package var capabilities: Capabilities {
        var can = Capabilities()
        can.process = self
        can.command = self
        can.serialLog = self
        can.console = self
        can.priority = self
        can.usage = self
        can.dataDiskFile = self
        can.diskWatching = self
        can.diskLending = self
        can.hostStart = self
        can.records = self
        can.remains = self
        return can
    }
}
