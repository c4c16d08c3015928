# Sourced before each script test: copies of the project, stand-ins for programs that would change the host, and assertions.
# A test runs in an empty directory of its own under `set -e`; whatever it starts is ended when it ends.
# shellcheck shell=bash

source_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
background=()
trap 'for pid in ${background[@]+"${background[@]}"}; do kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; done' EXIT

die() {
    echo "$*" >&2
    exit 1
}

# expect_status STATUS COMMAND...: its output goes to the file output.
expect_status() {
    local wanted=$1 status=0
    shift
    "$@" >output 2>&1 || status=$?
    cat output
    [ "$status" -eq "$wanted" ] || die "$* ended with $status, not with $wanted"
}

expect_text() { grep -qF -- "$1" "${2:-output}" || die "missing in ${2:-output}: $1"; }
expect_no_text() { if grep -qF -- "$1" "${2:-output}"; then die "must not be in ${2:-output}: $1"; fi; }
expect_absent() { [ ! -e "$1" ] || die "must not exist: $1"; }

# A copy of what the scripts read, at project/, so that a test can change a part of it.
copy_project() {
    mkdir -p project
    cp -r "$source_root/scripts" "$source_root/.swift-version" project
}

# stand_in NAME BODY: a program NAME at the front of the PATH.
stand_in() {
    mkdir -p bin
    printf '#!/bin/bash\n%s\n' "$2" >"bin/$1"
    chmod +x "bin/$1"
    case :$PATH: in *":$PWD/bin:"*) ;; *) PATH=$PWD/bin:$PATH ;; esac
}

# Lets the scripts act as root without being it; the programs that they then run are stand-ins.
stand_in_sudo() { stand_in sudo 'exec "$@"'; }

# An apt-get that notes what it is asked and installs nothing. What it says of sources and what it updates is real (see apt_sources).
stand_in_apt() {
    local real
    real=$(command -v apt-get)
    stand_in apt-get "case \$1 in indextargets) exec '$real' \"\$@\" ;; esac
echo \"\$*\" >>'$PWD/apt-calls'
case \$1 in update) [ ! -e '$PWD/apt.conf' ] || exec '$real' \"\$@\" ;; esac"
    : >apt-calls
}

# host_is ID VERSION CODENAME: what the scripts take this host for.
host_is() {
    printf 'ID=%s\nVERSION_ID="%s"\nVERSION_CODENAME=%s\n' "$1" "$2" "$3" >os-release
    export PGKVM_OS_RELEASE=$PWD/os-release
}

# apt_repository SUITE: a Debian repository of one package, at repository/, has this suite.
apt_repository() {
    local architecture index suite=repository/dists/$1
    architecture=$(dpkg --print-architecture)
    index=main/binary-$architecture/Packages
    mkdir -p "$suite/${index%/*}"
    printf 'Package: example\nVersion: 1\nArchitecture: all\nFilename: example.deb\nSize: 1\n\n' >"$suite/$index"
    cat >"$suite/Release" <<END
Origin: Test
Suite: $1
Codename: $1
Date: $(LC_ALL=C date -u '+%a, %d %b %Y %H:%M:%S UTC')
Architectures: $architecture
Components: main
SHA256:
 $(sha256sum <"$suite/$index" | cut -d ' ' -f 1) $(wc -c <"$suite/$index") $index
END
}

# apt_sources FILE: what stands on standard input is the only apt source, in a file of this name; apt's state is kept in this directory.
apt_sources() {
    mkdir -p etc/apt/sources.list.d lists/partial
    cat >"etc/apt/sources.list.d/$1"
    cat >apt.conf <<END
Dir::Etc::SourceList "/dev/null";
Dir::Etc::SourceParts "$PWD/etc/apt/sources.list.d";
Dir::State::Lists "$PWD/lists";
Dir::Cache "$PWD/cache";
APT::Sandbox::User "";
END
    mkdir -p cache/archives/partial
    export APT_CONFIG=$PWD/apt.conf PGKVM_ETC=$PWD/etc
    apt-get update --quiet=2
}
