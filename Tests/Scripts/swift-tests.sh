# scripts/install-swift and scripts/swift, against a server on loopback, an archive made here and a key thrown away afterwards.
# shellcheck shell=bash

version=$(cat "$source_root/.swift-version")
archive=swift-$version-RELEASE-debian12.tar.gz
[ "$(uname -m)" != aarch64 ] || archive=swift-$version-RELEASE-debian12-aarch64.tar.gz

# A host without Swift, a signed archive with a Swift that only knows its version, and a server for both.
swift_host() {
    host_is debian 12 bookworm
    without_swift=
    IFS=: read -ra directories <<<"$PATH"
    for directory in "${directories[@]}"; do
        [ -x "$directory/swift" ] || without_swift=$without_swift${without_swift:+:}$directory
    done
    PATH=$without_swift
    export PGKVM_TOOLCHAINS=$PWD/toolchains
    installed=$PGKVM_TOOLCHAINS/swift-$version

    export GNUPGHOME=$PWD/gnupg
    mkdir -m 700 gnupg
    mkdir -p files "made/swift/usr/bin"
    gpg --batch --quiet --passphrase '' --quick-generate-key "Signer of a test <test@example.invalid>" ed25519 sign never
    PGKVM_SWIFT_FINGERPRINT=$(gpg --batch --with-colons --list-keys | awk -F: '/^fpr/ { print $10; exit }')
    export PGKVM_SWIFT_FINGERPRINT
    gpg --batch --armor --export >files/key.asc
    printf '#!/bin/sh\necho "Swift version %s (swift-%s-RELEASE)"\n' "$version" "$version" >made/swift/usr/bin/swift
    chmod +x made/swift/usr/bin/swift
    head -c 300000 /dev/urandom >made/swift/usr/ballast
    pack
    (cd files && exec python3 "$source_root/Tests/Scripts/http-server.py") 2>/dev/null >port &
    background+=("$!")
}

# The server serves ./files; it is started inside it, hence the link.
pack() {
    tar -czf "files/$archive" -C made swift
    (cd files && sha256sum "$archive") >checksums
    export PGKVM_SWIFT_CHECKSUMS=$PWD/checksums
    sign
}

sign() {
    gpg --batch --quiet --yes --detach-sign --output "files/$archive.sig" "files/$archive"
    gpgconf --kill all
}

serve() {
    [ -e files/files ] || ln -s . files/files
    until [ -s port ]; do sleep 0.05; done
    export PGKVM_SWIFT_BASE_URL=http://127.0.0.1:$(cat port)/$1
    export PGKVM_SWIFT_KEY_URL=http://127.0.0.1:$(cat port)/plain/key.asc
}

install() { expect_status "$1" "$source_root/scripts/install-swift"; }

expect_nothing_installed() {
    expect_absent "$installed"
    expect_status 1 "$source_root/scripts/swift" --where
}

test_a_signed_swift_is_installed_and_found_and_a_second_run_does_nothing() {
    swift_host
    serve plain
    install 0
    expect_text "signature and SHA-256 checked"
    expect_status 0 "$source_root/scripts/swift" --version
    expect_text "Swift version $version"
    [ -z "$(find toolchains -name '*.partial')" ] || die "the download is left behind"
    : >files/requests
    install 0
    expect_text "$version is at $installed"
    [ ! -s files/requests ] || die "the second run asked the server: $(cat files/requests)"
}

test_a_signature_of_another_key_is_refused() {
    swift_host
    gpg --batch --quiet --passphrase '' --quick-generate-key "Somebody else <else@example.invalid>" ed25519 sign never
    gpg --batch --quiet --yes --local-user else@example.invalid --detach-sign --output "files/$archive.sig" "files/$archive"
    gpg --batch --armor --export >files/key.asc # the server hands out that key too
    gpgconf --kill all
    serve plain
    install 1
    expect_text "the signature of $archive is not of the key"
    expect_nothing_installed
}

test_a_signature_of_other_content_is_refused() {
    swift_host
    echo more >made/swift/usr/more
    cp "files/$archive.sig" kept.sig
    pack
    cp kept.sig "files/$archive.sig"
    serve plain
    install 1
    expect_text "the signature of $archive is not of the key"
    expect_nothing_installed
}

test_a_signature_from_before_the_key_expired_is_good() {
    swift_host
    past=(--faked-system-time 20240101T000000)
    gpg --batch --quiet "${past[@]}" --passphrase '' --quick-generate-key "Expired <expired@example.invalid>" ed25519 sign 1y
    PGKVM_SWIFT_FINGERPRINT=$(gpg --batch --with-colons --list-keys expired@example.invalid | awk -F: '/^fpr/ { print $10; exit }')
    gpg --batch --quiet --yes "${past[@]}" --local-user expired@example.invalid --detach-sign --output "files/$archive.sig" "files/$archive"
    gpg --batch --armor --export >files/key.asc
    gpgconf --kill all
    serve plain
    install 0
}

test_a_signature_of_a_revoked_key_is_refused() {
    swift_host
    sed 's/^:---/---/' "gnupg/openpgp-revocs.d/$PGKVM_SWIFT_FINGERPRINT.rev" | gpg --batch --quiet --import
    gpg --batch --armor --export >files/key.asc
    gpgconf --kill all
    serve plain
    install 1
    expect_text "the signature of $archive is not of the key"
    expect_nothing_installed
}

test_a_wrong_checksum_is_refused_even_with_a_good_signature() {
    swift_host
    echo more >made/swift/usr/more
    cp checksums kept
    pack
    cp kept checksums
    serve plain
    install 1
    expect_text "the SHA-256 of $archive is wrong"
    expect_nothing_installed
}

test_an_archive_without_a_committed_checksum_is_refused_before_the_download() {
    swift_host
    : >checksums
    serve plain
    install 1
    expect_text "no SHA-256 of $archive"
    expect_absent files/requests
    expect_nothing_installed
}

test_a_truncated_archive_is_refused() {
    swift_host
    truncate -s -1000 "files/$archive"
    serve plain
    install 1
    expect_text "the SHA-256 of $archive is wrong"
    expect_nothing_installed
}

test_a_download_that_breaks_off_installs_nothing_and_is_resumed() {
    swift_host
    serve broken
    install 1
    expect_text "it goes on where it stopped"
    expect_nothing_installed
    serve plain
    install 0
    grep -q "$archive bytes=[1-9]" files/requests || die "the download was not resumed: $(cat files/requests)"
    expect_status 0 "$source_root/scripts/swift" --version
}

test_a_killed_installation_leaves_no_swift_and_the_next_one_succeeds() {
    swift_host
    serve stalled
    setsid "$source_root/scripts/install-swift" >killed 2>&1 &
    session=$!
    background+=("$session")
    until [ -n "$(find toolchains -name "$archive" -size +10k 2>/dev/null)" ]; do sleep 0.05; done
    kill -KILL -- "-$session"
    wait "$session" || true
    expect_nothing_installed
    serve plain
    install 0
    expect_status 0 "$source_root/scripts/swift" --version
}

test_a_host_without_a_pinned_toolchain_is_told_what_to_do() {
    swift_host
    host_is another 1 other
    serve plain
    install 1
    expect_text "put Swift $version on the PATH"
    expect_absent files/requests
}

test_a_swift_of_another_version_on_the_path_is_not_used() {
    swift_host
    stand_in swift 'echo "Swift version 5.0 (swift-5.0-RELEASE)"'
    expect_status 1 "$source_root/scripts/swift" --where
    expect_status 1 "$source_root/scripts/swift" build
    expect_text "run: make deps"
}
