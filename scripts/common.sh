# Sourced by the other scripts: where the project lies, how to speak, and how to act as root.
# shellcheck shell=bash

# shellcheck disable=SC2034  # read by those who source this file
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s\n' "$*"; }

# fail MESSAGE...: one paragraph a line on stderr, and the end.
fail() {
    printf 'error: %s\n' "$1" >&2
    shift
    [ "$#" -eq 0 ] || printf '  %s\n' "$@" >&2
    exit 1
}

can_act_as_root() { [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null; }

# sudo may drop the environment, hence env inside.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        env DEBIAN_FRONTEND=noninteractive "$@"
    else
        sudo env DEBIAN_FRONTEND=noninteractive "$@"
    fi
}

# host_field NAME: one value of os-release, empty when it is not set.
host_field() {
    # shellcheck disable=SC1090  # the host's own file
    (. "${PGKVM_OS_RELEASE:-/etc/os-release}" && eval "printf '%s' \"\${$1:-}\"")
}

# The first number of the version of the QEMU that would run; 0 when there is none.
qemu_major() {
    local line
    line=$(qemu-system-x86_64 --version 2>/dev/null | head -n 1) || line=
    line=${line#*version }
    line=${line%%.*}
    case $line in '' | *[!0-9]*) printf 0 ;; *) printf '%s' "$line" ;; esac
}
