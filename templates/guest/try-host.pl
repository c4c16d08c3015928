# Tries, from inside the guest, which addresses and ports of its host answer. Run as root; arguments: address and port of the guest's own SSH
# server; after __END__ lines 'ADDRESS PORT'. Prints 'self' when it finds that server, 'reached ADDRESS PORT' for each that answers, and 'end'.
#
# Root in the guest can write any address into a packet. So addresses that the kernel would not send out, those of loopback interfaces and the
# guest's own, are tried by packets that are made by hand: a SYN, and a look for its answer. The host may have the guest's address too.
use strict;
use warnings;
use Errno qw(EINPROGRESS);
use Fcntl;
use Socket;

$| = 1;
my ($own, $ssh) = @ARGV;
my (@ordinary, @forged);
while (<DATA>) {
    my ($address, $port) = /^([0-9.]+) ([0-9]+)$/ or die "not understood: $_";
    if ($address =~ /^(?:127|0)\./ || $address eq $own) { push @forged, [$address, $port] } else { push @ordinary, [$address, $port] }
}

sub connecting {
    my ($address, $port) = @_;
    socket(my $socket, AF_INET, SOCK_STREAM, 0) or die "socket: $!";
    fcntl($socket, F_SETFL, O_NONBLOCK) or die "fcntl: $!";
    return connect($socket, pack_sockaddr_in($port, inet_aton($address))) || $! == EINPROGRESS ? $socket : undef;
}

# The card that has our address, and the hardware addresses at both its ends. Another card may have the default route, and there may be none.
# Whatever neighbour answered on this one will do: behind each of them is the host.
sub first_line { open(my $file, '<', $_[0]) or die "$_[0]: $!"; my $line = <$file>; chomp $line; return $line }
sub lines_of { open(my $file, $_[0], $_[1]) or die "$_[1]: $!"; my @lines = <$file>; return @lines }
my ($device) = map { /^\d+: *([^ @]+).* inet \Q$own\E\// } lines_of('-|', 'ip -o -4 address show');
defined $device or die "no network card has the address $own\n";
my $mine = pack 'H12', first_line("/sys/class/net/$device/address") =~ tr/://dr;
my $index = first_line("/sys/class/net/$device/ifindex");
my ($gateway) = map { /^\Q$device\E\s+00000000\s+([0-9A-F]{8})\s/ && hex $1 ? inet_ntoa(pack 'L', hex $1) : () } lines_of('<', '/proc/net/route');
my %neighbours = map { /^([0-9.]+)\s+\S+\s+\S+\s+([0-9a-f:]{17})\s.*\s\Q$device\E$/ && $2 ne '00:00:00:00:00:00' ? ($1, $2) : () }
    lines_of('<', '/proc/net/arp');
my ($theirs) = map { pack 'H12', tr/://dr } grep { defined } $neighbours{$gateway // ''}, map { $neighbours{$_} } sort keys %neighbours;
defined $theirs or die "no neighbour on $device has a hardware address\n";

sub checksum {
    my $sum = 0;
    $sum += $_ for unpack 'n*', $_[0];
    $sum = ($sum & 0xffff) + ($sum >> 16) while $sum >> 16;
    return ~$sum & 0xffff;
}

sub syn {
    my ($address, $port, $source) = @_;
    my ($from, $to) = (inet_aton($own), inet_aton($address));
    my $tcp = pack 'n n N N C C n n n', $source, $port, 1, 0, 0x50, 2, 64240, 0, 0;
    substr($tcp, 16, 2) = pack 'n', checksum($from . $to . pack('C C n', 0, 6, length $tcp) . $tcp);
    my $header = pack 'C C n n n C C n a4 a4', 0x45, 0, 20 + length $tcp, $source, 0x4000, 64, 6, 0, $from, $to;
    substr($header, 10, 2) = pack 'n', checksum($header);
    return $theirs . $mine . pack('n', 0x0800) . $header . $tcp;
}

socket(my $raw, 17, SOCK_RAW, unpack 'S', pack 'n', 0x0800) or die "packet socket: $!";
my $card = pack 'S n l S C C a8', 17, 0x0800, $index, 1, 0, 6, $theirs;
bind($raw, $card) or die "packet socket: $!";
fcntl($raw, F_SETFL, O_NONBLOCK) or die "fcntl: $!";

my %waiting;
if (my $socket = connecting($own, $ssh)) { $waiting{fileno $socket} = [$socket, 'self'] }
for (@ordinary) {
    my $socket = connecting(@$_) or next;
    $waiting{fileno $socket} = [$socket, "reached $$_[0] $$_[1]"];
}
my %forged = map { 61000 + $_ => $forged[$_] } 0 .. $#forged;

my $end = time + 4;
my $sent = 0;
while ((my $now = time) < $end) {
    if ($now > $sent) {
        for my $source (sort keys %forged) { send $raw, syn(@{$forged{$source}}, $source), 0, $card }
        $sent = $now;
    }
    my ($reads, $writes) = ('', '');
    vec($reads, fileno $raw, 1) = 1;
    vec($writes, $_, 1) = 1 for keys %waiting;
    select $reads, $writes, undef, 0.2;
    for my $number (grep { vec $writes, $_, 1 } keys %waiting) {
        my ($socket, $text) = @{delete $waiting{$number}};
        my $error = getsockopt $socket, SOL_SOCKET, SO_ERROR;
        print "$text\n" if defined $error && unpack('i', $error) == 0;
    }
    while (defined recv $raw, my $frame, 2048, 0) {
        last unless length $frame;
        next if length $frame < 54 || substr($frame, 0, 6) ne $mine || vec($frame, 23, 8) != 6;
        my $tcp = 14 + 4 * (vec($frame, 14, 8) & 15);
        next if length $frame < $tcp + 20 || (vec($frame, $tcp + 13, 8) & 0x12) != 0x12;
        my $found = delete $forged{unpack 'n', substr $frame, $tcp + 2, 2} or next;
        print "reached $$found[0] $$found[1]\n";
    }
    last unless %waiting || %forged;
}
print "end\n";
