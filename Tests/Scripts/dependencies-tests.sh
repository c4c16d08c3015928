# scripts/install-dependencies and scripts/install-packages.
# shellcheck shell=bash

test_a_second_run_adds_nothing() {
    stand_in_apt
    expect_status 0 "$source_root/scripts/install-dependencies" --with-tests
    expect_text "are installed"
    [ ! -s apt-calls ] || die "apt was asked for: $(cat apt-calls)"
}

test_without_root_and_sudo_the_missing_packages_are_named_and_it_stops() {
    copy_project
    echo "run pgkvm-absent-package what the test misses" >>project/scripts/packages
    # Everything but sudo.
    mkdir tools
    for tool in awk bash cat comm cut dirname dpkg-query env find grep head id sed sort tr wc; do ln -s "$(command -v $tool)" "tools/$tool"; done
    as_nobody=()
    [ "$(id -u)" -ne 0 ] || as_nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    chmod -R a+rX .
    expect_status 1 env "PATH=$PWD/tools" ${as_nobody[@]+"${as_nobody[@]/#setpriv/$(command -v setpriv)}"} project/scripts/install-dependencies
    expect_text "pgkvm-absent-package"
    expect_text "what the test misses"
    expect_text "neither root nor sudo"
}

test_a_missing_package_is_named_with_its_reason_and_installed_alone() {
    copy_project
    stand_in_apt
    stand_in_sudo
    echo "run pgkvm-absent-package what the test misses" >>project/scripts/packages
    expect_status 0 project/scripts/install-dependencies
    expect_text "pgkvm-absent-package    what the test misses"
    expect_text "update" apt-calls
    expect_text "--no-install-recommends pgkvm-absent-package" apt-calls
    [ "$(wc -l <apt-calls)" -eq 2 ] || die "more was asked of apt: $(cat apt-calls)"
}

test_a_failing_installation_stops_the_run() {
    copy_project
    stand_in_sudo
    stand_in apt-get 'case $1 in install) exit 100 ;; esac'
    echo "run pgkvm-absent-package what the test misses" >>project/scripts/packages
    expect_status 100 project/scripts/install-dependencies
    expect_no_text "Swift:"
}

test_an_apt_source_that_does_not_answer_is_said_and_not_the_end() {
    copy_project
    stand_in_sudo
    stand_in apt-get 'case $1 in update) exit 100 ;; install) touch '"'$PWD/installed'"' ;; esac'
    echo "run pgkvm-absent-package what the test misses" >>project/scripts/packages
    expect_status 0 project/scripts/install-dependencies
    expect_text "not every apt source"
    [ -e installed ] || die "the package was not asked for"
}

test_services_of_the_test_packages_stay_off() {
    export PGKVM_ETC=$PWD/etc
    stand_in_sudo
    stand_in apt-get "cat '$PWD/etc/postgresql-common/createcluster.d/pgkvm.conf' >'$PWD/seen'"
    expect_status 0 "$source_root/scripts/install-packages" openssh-server postgresql libvirt-daemon-system
    [ "$(readlink etc/systemd/system/ssh.service)" = /dev/null ] || die "the SSH service is not masked"
    [ "$(readlink etc/systemd/system/libvirtd.socket)" = /dev/null ] || die "the libvirt daemon's socket is not masked"
    expect_text "systemctl unmask ssh.service"
    expect_text "create_main_cluster = false" seen
    expect_absent etc/postgresql-common/createcluster.d/pgkvm.conf
}

test_every_package_of_the_list_is_known_to_apt() {
    for package in $(awk '!/^#/ && NF { print $2 }' "$source_root/scripts/packages"); do
        apt-cache show "$package" >/dev/null 2>&1 || dpkg-query --status "$package" >/dev/null 2>&1 || die "unknown package $package"
    done
}
