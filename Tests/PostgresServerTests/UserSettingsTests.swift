import ApplianceModel
import PostgresServer
import Testing

@Suite("Settings from the spec")
struct UserSettingsTests {
    @Test(
        "What belongs to pgkvm is refused, all at once",
        arguments: ["port", "TimeZone", "Data_Directory", "ssl_key_file", "include_dir", "timezone", "archive_mode"])
    func owned(name: String) {
        #expect(UserSettings.faults([name: "x"]).count == 1)
        #expect(UserSettings.faults([name: "x", "hba_file": "y", "work_mem": "1MB"]).count == 2)
    }

    @Test("What cannot be the name of a setting is refused", arguments: ["", "work mem", "a\nb", "1x", "a.b.c", "x'y", "ü", "work_mem = 1 #"])
    func names(name: String) { #expect(UserSettings.faults([name: "1"]).count == 1) }

    @Test("Names of extensions' settings are taken", arguments: ["auto_explain.log_min_duration", "_x", "pg_stat_statements.max"])
    func extensionNames(name: String) { #expect(UserSettings.faults([name: "1"]).isEmpty) }

    @Test("The same name in two cases is refused")
    func twice() { #expect(UserSettings.faults(["work_mem": "1MB", "Work_Mem": "2MB"]).count == 1) }

    @Test("Backup and statistics cannot be switched off by the way")
    func kept() {
        #expect(UserSettings.faults(["wal_level": "minimal"]).count == 1)
        #expect(UserSettings.faults(["wal_level": "logical"]).isEmpty)
        #expect(UserSettings.faults(["shared_preload_libraries": "auto_explain"]).count == 1)
        #expect(UserSettings.faults(["shared_preload_libraries": "pg_stat_statements, auto_explain"]).isEmpty)
        #expect(UserSettings.faults(["my.value": "a\0b"]).count == 1)
    }
}
