# scripts/install-emulator, scripts/backports-source and scripts/kvm-usable.
# shellcheck shell=bash

# emulator_host VERSION CODENAME QEMU-MAJOR KVM-STATUS: a copy of the scripts on such a host.
emulator_host() {
    copy_project
    host_is debian "$1" "$2"
    stand_in_apt
    stand_in_sudo
    stand_in qemu-system-x86_64 "echo 'QEMU emulator version $3.2.1 (Debian)'"
    if [ "$3" -eq 0 ]; then
        stand_in dpkg-query 'exit 1'
    else
        stand_in dpkg-query "printf 'installed\ninstalled\ninstalled\n'"
    fi
    printf '#!/bin/bash\ntouch %q\necho "found by the test"\nexit %s\n' "$PWD/kvm-asked" "$4" >project/scripts/kvm-usable
    apt_repository bookworm
    apt_repository bookworm-security
    apt_repository bookworm-backports
    apt_sources debian.sources <<END
# A comment before
# the first stanza

Types: deb
URIs: file:$PWD/repository
Suites: bookworm-security
Components: main
Trusted: yes

Types: deb
# another one
URIs: file:$PWD/repository/
Suites: bookworm
Components: main
Trusted: yes
By-Hash: no
END
    : >apt-calls
}

test_debian_13_takes_its_own_qemu_and_does_not_ask_for_kvm() {
    emulator_host 13 trixie 0 1
    expect_status 0 project/scripts/install-emulator
    expect_text "--no-install-recommends qemu-system-x86 qemu-utils ovmf" apt-calls
    expect_no_text "backports" apt-calls
    expect_absent kvm-asked
}

test_debian_12_with_kvm_takes_its_own_qemu() {
    emulator_host 12 bookworm 0 0
    expect_status 0 project/scripts/install-emulator
    expect_text "found by the test"
    expect_text "install" apt-calls
    expect_no_text "backports" apt-calls
    expect_absent etc/apt/sources.list.d/pgkvm-backports.sources
}

test_debian_12_without_kvm_takes_qemu_from_backports() {
    emulator_host 12 bookworm 0 1
    expect_status 0 project/scripts/install-emulator
    expect_text "adding the apt source"
    expect_text "--target-release bookworm-backports qemu-system-x86 qemu-utils ovmf" apt-calls
    added=etc/apt/sources.list.d/pgkvm-backports.sources
    expect_text "Suites: bookworm-backports" $added
    expect_text "URIs: file:$PWD/repository/" $added
    expect_text "By-Hash: no" $added
    apt-get indextargets --format '$(RELEASE)' | grep -qx bookworm-backports || die "apt does not read the source"
}

test_debian_12_with_an_old_qemu_and_no_kvm_is_brought_to_backports() {
    emulator_host 12 bookworm 7 1
    expect_status 0 project/scripts/install-emulator
    expect_text "--target-release bookworm-backports" apt-calls
}

test_debian_12_with_a_newer_qemu_is_left_alone() {
    emulator_host 12 bookworm 10 1
    expect_status 0 project/scripts/install-emulator
    [ ! -s apt-calls ] || die "apt was asked for: $(cat apt-calls)"
    expect_absent kvm-asked
}

test_backports_that_are_known_already_are_not_added_again() {
    emulator_host 12 bookworm 7 1
    sed -i 's/bookworm-security/bookworm-backports/' etc/apt/sources.list.d/debian.sources
    apt-get update --quiet=2
    expect_status 0 project/scripts/install-emulator
    expect_text "--target-release bookworm-backports" apt-calls
    expect_absent etc/apt/sources.list.d/pgkvm-backports.sources
}

test_without_backports_the_own_qemu_is_taken_and_the_debian_12_guest_is_announced() {
    emulator_host 12 bookworm 0 1
    rm -r repository/dists/bookworm-backports
    expect_status 0 project/scripts/install-emulator
    expect_text "Debian 12 guest"
    expect_text "--no-install-recommends qemu-system-x86" apt-calls
    expect_no_text "--target-release" apt-calls
    expect_absent etc/apt/sources.list.d/pgkvm-backports.sources
    # The second run finds QEMU 7 installed and does not ask the mirror again.
    stand_in dpkg-query "printf 'installed\ninstalled\ninstalled\n'"
    : >apt-calls
    expect_status 0 project/scripts/install-emulator
    expect_text "Debian 12 guest"
    [ ! -s apt-calls ] || die "apt was asked for: $(cat apt-calls)"
}

test_a_source_of_one_line_with_options_becomes_a_backports_source() {
    apt_repository bookworm
    apt_repository bookworm-backports
    apt_sources site.list <<END
# deb file:$PWD/elsewhere bookworm main
deb [arch=$(dpkg --print-architecture) trusted=yes check-valid-until=no] file:$PWD/repository bookworm main # ours
END
    expect_status 0 "$source_root/scripts/backports-source" bookworm
    expect_text "URIs: file:$PWD/repository"
    expect_text "Architectures: $(dpkg --print-architecture)"
    expect_text "check-valid-until: no"
    expect_no_text "ours"
    # apt reads it as a source of this suite, with the names of the options as they are.
    cp output etc/apt/sources.list.d/backports.sources
    apt-get update --quiet=2
    apt-get indextargets --format '$(RELEASE)' | grep -qx bookworm-backports || die "apt does not read the source"
}

test_a_key_inside_the_source_is_kept() {
    apt_repository bookworm
    apt_sources site.sources <<END
Types: deb
URIs: file:$PWD/repository
Suites: bookworm
Components: main
Trusted: yes
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 example
 -----END PGP PUBLIC KEY BLOCK-----
END
    expect_status 0 "$source_root/scripts/backports-source" bookworm
    expect_text " -----END PGP PUBLIC KEY BLOCK-----"
}

test_a_host_without_a_source_of_its_release_is_told_so() {
    apt_sources site.list </dev/null
    expect_status 1 "$source_root/scripts/backports-source" bookworm
    expect_text "no apt source of this host names the suite bookworm"
}

test_the_own_sources_of_this_host_are_understood() {
    codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
    if [ -z "$(apt-get indextargets)" ]; then
        mkdir -p lists/partial
        printf 'Dir::State::Lists "%s";\nAPT::Sandbox::User "";\n' "$PWD/lists" >apt.conf
        export APT_CONFIG=$PWD/apt.conf
        apt-get update --quiet=2
    fi
    expect_status 0 "$source_root/scripts/backports-source" "$codename"
    expect_text "Suites: $codename-backports"
    grep -Eq '^URIs: [a-z+]+:' output || die "no address in the source"
}

test_the_kvm_of_this_host_is_judged() {
    status=0
    "$source_root/scripts/kvm-usable" >output 2>&1 || status=$?
    cat output
    [ "$status" -le 1 ] || die "the test guest was not tried"
    [ "$(wc -l <output)" -eq 1 ] || die "more than a line was printed"
}
