# The beginning of a change of a server that was configured before: keeps the files that are in force, and takes them back when what follows
# in the same script fails. Run as root with: $1 major version, $2 "restart" or "reload": how the change, and its taking back, come into force.
# The files are kept in /var/lib/pgkvm/former until the change is confirmed (`settle-change.sh`), also over a restart of the guest.
set -eu
change_version=$1
change_action=$2
change_former=/var/lib/pgkvm/former
change_config=/etc/postgresql/$1/main

# A change that was cut off has kept them already: what lies in force since then is not what came true.
if [ ! -d "$change_former" ]; then
    install -d -m 0700 /var/lib/pgkvm
    rm -rf "$change_former.new"
    mkdir -m 0700 "$change_former.new"
    cp -a "$change_config" "$change_former.new/config"
    [ ! -f /etc/nftables.conf ] || cp -a /etc/nftables.conf "$change_former.new/nftables.conf"
    sync -f /var/lib/pgkvm
    mv -T "$change_former.new" "$change_former"
fi
end_change() {
    status=$?
    [ "$status" != 0 ] || return 0
    trap - EXIT
    set +e
    if take_back "$change_version" "$change_action"; then
        echo 'pgkvm: taken back' >&2
        exit 8
    fi
    echo 'pgkvm: not taken back' >&2
    exit 9
}
trap end_change EXIT
