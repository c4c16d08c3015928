set -eu
root=''
staged=$root/etc/ssh/pgkvm_new_ed25519_key
public_of() {
    public=$(ssh-keygen -y -P '' -f "$1")
    printf '%s\n' "$public" | cut -d' ' -f1,2
}
expected='ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f'
key=$root/etc/ssh/ssh_host_ed25519_key
if [ "$(public_of "$staged" 2>/dev/null)" = "$expected" ]; then
    printf '%s %s\n' "$expected" orders > "$key.pub.new"
    chmod 644 "$key.pub.new"
    mv -f "$key.pub.new" "$key.pub"
    mv -f "$staged" "$key"
    rm -f "$staged.pub"
    sync
elif [ "$(public_of "$key" 2>/dev/null)" != "$expected" ]; then
    echo 'neither the new nor the present host key is the expected one' >&2
    exit 1
fi
for type in rsa ecdsa dsa; do
    rm -f "$root/etc/ssh/ssh_host_${type}_key" "$root/etc/ssh/ssh_host_${type}_key.pub"
done
# Where a socket starts one server a connection, no service is there to tell.
systemctl try-reload-or-restart ssh.service
