# Takes a change back: the files that begin-change.sh kept are put in force again. Run as root with: $1 major version, $2 "restart" or
# "reload". Without arguments it only defines `take_back`, for a script that goes on. After start-cluster.sh, in the same script.
set -eu
take_back() {
    former=/var/lib/pgkvm/former
    config=/etc/postgresql/$1/main
    [ -d "$former/config" ] || return 1
    rm -rf "$config.pgkvm-new" "$config.pgkvm-old"
    cp -a "$former/config" "$config.pgkvm-new" || return 1
    mv -T "$config" "$config.pgkvm-old" && mv -T "$config.pgkvm-new" "$config" || return 1
    rm -rf "$config.pgkvm-old"
    sync -f "$config"
    if [ -f "$former/nftables.conf" ]; then
        cp -a "$former/nftables.conf" /etc/nftables.conf && nft --file /etc/nftables.conf || return 1
    fi
    start_server "$1" "$2" || return 1
    rm -rf "$former"
}
[ $# -lt 2 ] || take_back "$1" "$2"
