# scripts/generate-manual and scripts/install-files with the pgkvm of the build that is tested.
# shellcheck shell=bash

pgkvm=$source_root/.build/debug/pgkvm

test_the_manual_has_every_command_and_renders_without_a_warning() {
    "$source_root/scripts/generate-manual" "$pgkvm" >pgkvm.1
    for command in deploy verify report list status start stop restart ssh psql console logs connection delete image doctor "image build" "image import"; do
        expect_text ".Ss pgkvm $command" pgkvm.1
    done
    # As man(1) reads it: in UTF-8.
    groff -K utf8 -mandoc -Tutf8 -ww pgkvm.1 >rendered 2>warnings
    [ ! -s warnings ] || die "$(cat warnings)"
    expect_text "--format" rendered
    if awk 'length > 500' rendered | grep -q .; then die "a line of the page is not broken"; fi
}

test_another_program_of_the_same_parser_gets_a_manual_too() {
    tool=$(dirname "$(readlink -f "$("$source_root/scripts/swift" --where)")")/swift-format
    "$source_root/scripts/generate-manual" "$tool" >tool.1
    expect_text ".Ss pgkvm lint" tool.1
    expect_text ".It Sy \\-\\-configuration <configuration>" tool.1
    groff -mandoc -Tutf8 -ww tool.1 2>warnings >/dev/null
    [ ! -s warnings ] || die "$(cat warnings)"
}

test_an_installation_is_complete_and_can_be_taken_away() {
    make -s -C "$source_root" install PREFIX=/usr DESTDIR="$PWD/root" BINARY="$pgkvm"
    [ "$(root/usr/bin/pgkvm --version)" = "$("$pgkvm" --version)" ] || die "another program was installed"
    if readelf --sections --wide root/usr/bin/pgkvm | grep -E ' \.(symtab|debug_)'; then die "it has what only a debugger reads"; fi
    for file in man/man1/pgkvm.1 bash-completion/completions/pgkvm zsh/site-functions/_pgkvm fish/vendor_completions.d/pgkvm.fish; do
        expect_text deploy "root/usr/share/$file"
    done
    bash -n root/usr/share/bash-completion/completions/pgkvm
    make -s -C "$source_root" uninstall PREFIX=/usr DESTDIR="$PWD/root"
    [ -z "$(find root -type f)" ] || die "left behind: $(find root -type f)"
}

test_an_installation_without_a_build_says_what_to_do_and_changes_nothing() {
    expect_status 1 "$source_root/scripts/install-files" install "$PWD/root" "$PWD/no-such-pgkvm"
    expect_text "run: make build"
    expect_absent root
}

test_a_program_without_help_is_not_installed() {
    stand_in broken 'exit 70'
    status=0
    "$source_root/scripts/install-files" install "$PWD/root" "$PWD/bin/broken" || status=$?
    [ "$status" -ne 0 ] || die "a broken program was installed"
    expect_absent root
}
