/// The templates that are compiled into the binary, so that it can be moved without them.
package enum BuiltinTemplates {
    /// The names of all templates: their paths inside `templates/`.
    package static var names: [String] { files.keys.sorted() }

    /// The text of a template, nil when there is none of that name.
    package static func text(_ name: String) -> String? { files[name].map { String(decoding: $0, as: UTF8.self) } }

    /// SwiftPM names the constants after the files alone, so no two files may share a name across directories.
    private static let files: [String: [UInt8]] = [
        "guest/begin-change.sh": PackageResources.begin_change_sh,
        "guest/begin-judgement.sh": PackageResources.begin_judgement_sh,
        "guest/cluster-report.sh": PackageResources.cluster_report_sh,
        "guest/crash-postmaster.sh": PackageResources.crash_postmaster_sh,
        "guest/filter-packets.sh": PackageResources.filter_packets_sh,
        "guest/grow-data-disk.sh": PackageResources.grow_data_disk_sh,
        "guest/guest-report.sh": PackageResources.guest_report_sh,
        "guest/initialize-cluster.sh": PackageResources.initialize_cluster_sh,
        "guest/install-postgresql.sh": PackageResources.install_postgresql_sh,
        "guest/introduce-cluster.sh": PackageResources.introduce_cluster_sh,
        "guest/packet-filter-report.sh": PackageResources.packet_filter_report_sh,
        "guest/judge-server.sh": PackageResources.judge_server_sh,
        "guest/pgbench.sh": PackageResources.pgbench_sh,
        "guest/prepare-data-disk.sh": PackageResources.prepare_data_disk_sh,
        "guest/register-cluster.sh": PackageResources.register_cluster_sh,
        "guest/reserve-data-disk.sh": PackageResources.reserve_data_disk_sh,
        "guest/put-files.pl": PackageResources.put_files_pl,
        "guest/server-catalogue.sql": PackageResources.server_catalogue_sql,
        "guest/server-progress.sh": PackageResources.server_progress_sh,
        "guest/settle-clock.sh": PackageResources.settle_clock_sh,
        "guest/start-cluster.sh": PackageResources.start_cluster_sh,
        "guest/take-back.sh": PackageResources.take_back_sh,
        "guest/try-host.pl": PackageResources.try_host_pl,
        "guest/try-server.sh": PackageResources.try_server_sh,
        "libvirt/domain.xml": PackageResources.domain_xml,
        "libvirt/seed.xml": PackageResources.seed_xml,
        "postgresql/layer.conf": PackageResources.layer_conf,
        "postgresql/nftables.conf": PackageResources.nftables_conf,
        "postgresql/pg_hba.conf": PackageResources.pg_hba_conf,
        "postgresql/pg_ident.conf": PackageResources.pg_ident_conf,
        "postgresql/postgresql.conf": PackageResources.postgresql_conf,
        "postgresql/setup.sql": PackageResources.setup_sql,
        "report/report.html": PackageResources.report_html,
        "spec/example.yaml": PackageResources.example_yaml,
        "system/choose-clock.sh": PackageResources.choose_clock_sh,
        "system/chrony-clock.conf": PackageResources.chrony_clock_conf,
        "system/reserve-huge-pages.sh": PackageResources.reserve_huge_pages_sh,
        "system/server-pages.conf": PackageResources.server_pages_conf,
    ]
}
