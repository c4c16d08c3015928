set -eu
root=''
staged=$root/etc/ssh/pgkvm_new_ed25519_key
public_of() {
    public=$(ssh-keygen -y -P '' -f "$1")
    printf '%s\n' "$public" | cut -d' ' -f1,2
}
umask 077
if ! ssh-keygen -y -P '' -f "$staged" > /dev/null 2>&1; then
    rm -f "$staged" "$staged.pub"
    ssh-keygen -q -t ed25519 -N '' -C orders -f "$staged"
    sync
fi
public_of "$staged"
