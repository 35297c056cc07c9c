#!/usr/bin/perl
# A path of a network, as a TUN device: what is sent to the address behind it comes back from there to this machine, after
# a delay, or is lost. Source and destination change places, which no checksum notices. So both ends are the kernel's own
# TCP. Arguments: name of the device, milliseconds for each packet, share of the packets that are lost. Says "ready".
use strict;
use warnings;
use Fcntl;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

my $SET_INTERFACE  = 0x400454ca;    # TUNSETIFF
my $PACKETS_ALONE  = 0x1001;        # IFF_TUN | IFF_NO_PI
my $LONGEST_PACKET = 65_536;
my $READS_AT_ONCE  = 64;

my ($device, $delay_ms, $loss) = @ARGV;
my $delay = $delay_ms / 1000;
sysopen(my $tun, '/dev/net/tun', O_RDWR | O_NONBLOCK) or die "/dev/net/tun: $!\n";
ioctl($tun, $SET_INTERFACE, pack('a16 S x22', $device, $PACKETS_ALONE)) or die "$device: $!\n";
$| = 1;
print "ready\n";

my @queue;
my $readable = '';
vec($readable, fileno($tun), 1) = 1;
while (1) {
    my $wait = @queue ? $queue[0][0] - clock_gettime(CLOCK_MONOTONIC) : undef;
    select(my $ready = $readable, undef, undef, $wait) if !defined $wait || $wait > 0;
    for (1 .. $READS_AT_ONCE) {
        last unless sysread($tun, my $packet, $LONGEST_PACKET);
        next if ord($packet) >> 4 != 4 || rand() < $loss;
        substr($packet, 12, 8) = substr($packet, 16, 4) . substr($packet, 12, 4);
        push @queue, [ clock_gettime(CLOCK_MONOTONIC) + $delay, $packet ];
    }
    my $now = clock_gettime(CLOCK_MONOTONIC);
    syswrite($tun, (shift @queue)->[1]) while @queue && $queue[0][0] <= $now;
}
