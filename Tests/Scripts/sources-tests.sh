# scripts/check-sources and scripts/left-out.
# shellcheck shell=bash

# A repository with one good Swift file; check-sources looks at what git knows.
small_repository() {
    copy_project
    cp "$source_root/.swift-format" project
    git -C project init --quiet
    printf 'let answer = 42\n' >project/good.swift
}

expect_fault() {
    expect_status 1 project/scripts/check-sources
    expect_text "$1"
}

test_good_sources_pass_the_check() {
    small_repository
    expect_status 0 project/scripts/check-sources
    expect_text "1 Swift files"
}

test_a_badly_formatted_swift_file_is_found() {
    small_repository
    printf 'let  answer=42 ;\n' >project/bad.swift
    expect_fault "make format"
}

test_a_script_with_a_syntax_error_is_found() {
    small_repository
    printf '#!/bin/sh\nif true\n' >project/broken
    expect_fault "broken: syntax"
}

test_strings_that_have_no_place_are_found() {
    small_repository
    printf '# %s: later\n' "TO""DO" >project/notes
    expect_fault "unfinished work"
    printf 'deb http://%s/debian\n' "deb.debian"".org" >project/notes
    expect_fault "a literal mirror"
    printf '<<<<<<< ours\n' >project/notes
    expect_fault "a conflict of a merge"
    printf 'blank \n' >project/notes
    expect_fault "blanks at the end"
    # Bytes of an input are what they are.
    mkdir -p project/Fuzz/corpus/name
    mv project/notes project/Fuzz/corpus/name/input
    expect_status 0 project/scripts/check-sources
}

test_a_comparison_by_characters_is_found() {
    small_repository
    mkdir -p project/templates project/Sources/Basics project/Sources/Quoting
    for target in Basics Quoting; do printf 'let shared = 1\n' >"project/Sources/$target/TrappingConversions.swift"; done
    for line in 'let a = text.split(separator: ":")' 'let a = text.hasPrefix("-")' 'let a = text.contains("\n")' 'let a = text.hasSuffix("\u{301}")' \
        'let a = text.replacing("\\", with: "")'; do
        printf '%s\n' "$line" >project/templates/bad.swift
        expect_fault "compared as a Character"
    done
    mv project/templates/bad.swift project/Sources/Quoting/good.swift
    printf 'let a = text.split(at: ":")\nlet b = names.contains("ab")\n' >project/templates/good.swift
    expect_status 0 project/scripts/check-sources
}

test_the_name_of_a_mirror_of_this_machine_is_found() {
    small_repository
    stand_in apt-get 'echo http://mirror.example.invalid/debian'
    printf 'see mirror.example.invalid\n' >project/notes
    expect_fault "a mirror of this machine"
}

test_a_target_that_converts_numbers_unchecked_is_found() {
    small_repository
    mkdir -p project/Sources/Basics project/Sources/Other
    cp "$source_root/Sources/Basics/TrappingConversions.swift" project/Sources/Basics
    printf 'let answer = 42\n' >project/Sources/Other/Other.swift
    expect_fault "Sources/Other: link TrappingConversions.swift"
    ln -s ../Basics/TrappingConversions.swift project/Sources/Other
    expect_status 0 project/scripts/check-sources
}

# compiles LINE...: whether a file with these lines compiles beside the one that every target has.
compiles() {
    printf '%s\n' "$@" >line.swift
    "$(dirname "$("$source_root/scripts/swift" --where)")/swiftc" -typecheck -warnings-as-errors line.swift "$source_root/Sources/Verification/TrappingConversions.swift"
}

test_a_conversion_that_ends_the_program_does_not_compile() {
    local type
    for type in Int Int64 Int32 Int16 UInt UInt64 UInt32 UInt16 UInt8; do
        expect_status 1 compiles "func f(_ value: Double) -> $type { $type(value) }"
        expect_text "this ends the program"
        expect_status 1 compiles "func f(_ value: Double?) -> $type? { value.map { $type(\$0.rounded()) } }"
        expect_status 1 compiles "func f(_ values: [Double]) -> [$type] { values.map($type.init) }"
        expect_status 0 compiles "func f(_ value: Int8, _ text: String, _ exact: Double) -> $type? { $type(text) ?? $type(exactly: exact) ?? $type(value) }"
    done
}

test_tests_of_the_full_run_are_listed_by_name() {
    copy_project
    mkdir -p project/Tests/ATests
    cat >project/Tests/ATests/A.swift <<'END'
    @Test("always runs") func a() {}
    @Test("a Debian 12 guest boots", .fullRun) func b() {}
    @Test(
        "the ratio holds", .fullRun,
        arguments: [1])
    func c() {}
    @Suite("imported images", .serialized, .fullRun) struct D {}
    @Test(.fullRun) func `named by its identifier`() {}
    @Test("says .fullRun in its name only") func e() {}
END
    # The tests of the scripts are a part of the full run too.
    unset PGKVM_TEST_FULL
    expect_status 0 project/scripts/left-out
    for name in "a Debian 12 guest boots" "the ratio holds" "imported images" "named by its identifier"; do expect_text "  $name"; done
    expect_no_text "always runs"
    expect_no_text "in its name only"
    PGKVM_TEST_FULL=1 expect_status 0 project/scripts/left-out
    expect_text "no test is left out"
}
