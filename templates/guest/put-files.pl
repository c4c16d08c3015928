# Replaces each file whose content differs, as one act, and prints `changed PATH` for it. Reads a line for each file:
# PATH, USER, GROUP, MODE (octal) and CONTENT (hexadecimal), with tabs between. Run as root.
# One process for all of them: programs are what takes an emulated guest its time.
use strict;
use warnings;
use Fcntl;
use IO::Handle;

umask 077;
$| = 1;
while (my $line = <STDIN>) {
    chomp $line;
    my ($path, $user, $group, $mode, $content) = split /\t/, $line, -1;
    my ($uid, $gid) = (scalar getpwnam $user, scalar getgrnam $group);
    defined $uid && defined $gid or die "there is no '$user:$group'\n";
    $content = pack 'H*', $content;

    # The directory may belong to the server's user: a link that lies there is not followed.
    if (sysopen my $old, $path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK) {
        local $/;
        if (-f $old && (readline($old) // '') eq $content) {
            chown $uid, $gid, $old or die "chown $path: $!\n";
            chmod oct $mode, $old or die "chmod $path: $!\n";
            next;
        }
    }
    my $name = "$path.pgkvm-new";
    unlink $name;
    sysopen my $new, $name, O_WRONLY | O_CREAT | O_EXCL, 0600 or die "$name: $!\n";
    print {$new} $content or die "$name: $!\n";
    chown $uid, $gid, $new or die "chown $name: $!\n";
    chmod oct $mode, $new or die "chmod $name: $!\n";
    $new->flush && $new->sync && close $new or die "$name: $!\n";
    rename $name, $path or die "$path: $!\n";
    print "changed $path\n";
}
