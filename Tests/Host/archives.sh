# Sourced by what unpacks Debian systems here: from which archives, and how this host's apt reaches them.
# shellcheck shell=bash

# archive SUITE...: the address of the first archive of Debian's with one of the suites that this host's apt names.
archive() {
    local suite
    for suite in "$@"; do
        apt-get indextargets --format '$(CODENAME)|$(COMPONENT)|$(ORIGIN)|$(REPO_URI)' 'Created-By: Packages' |
            awk -F'|' -v suite="$suite" '$1 == suite && $2 == "main" && $3 ~ /^Debian/ { print $4; exit }' | grep . && return
    done
    return 1
}

# apt_options FILE: writes proxies and the checks of dates of this host's apt. A file, since a proxy's address may hold a password.
apt_options() {
    (umask 077 && apt-config dump --no-empty --format '%F "%v";%n' |
        grep -iE '^Acquire::(check-valid-until|check-date|max-validtime|min-validtime|max-futuretime|http|https|retries|forceipv4|forceipv6)(::| )' |
        grep -viE '::(sslcert|sslkey) ' >"$1" || true)
    chmod 644 "$1"
}
