import ApplianceModel
import Basics
import PostgresServer
import Testing

/// Names that break whatever forgets to quote.
let nastyName = #"o'brien "x" $1 \ü😀 a=b"#
let nastyPassword = Secret(#"p'w"d :\ $HOME %41 ü😀"#)

func makeSpec(_ name: String, _ change: (inout ApplianceSpec) -> Void = { _ in }) throws -> ApplianceSpec {
    var spec = ApplianceSpec(name: try #require(ApplianceName(name)))
    change(&spec)
    return spec
}
