# Polls so often, so many seconds apart: perl polls.pl URL COUNT SECONDS
use strict;
use warnings;
use IO::Socket::INET;

my ($url, $count, $seconds) = @ARGV;
my ($port, $path) = $url =~ m{:(\d+)(/.*)};
for my $number (1 .. $count) {
    if ($number > 1) { $number % 2 ? sleep($seconds) : select(undef, undef, undef, $seconds) }
    my $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $port, Timeout => 5) or die "no connection";
    print $socket "GET $path HTTP/1.1\r\nHost: localhost\r\n\r\n";
    my $ready = "";
    vec($ready, fileno($socket), 1) = 1;
    select($ready, undef, undef, 5) or die "timed out";
    sysread($socket, my $answer, 65536) or die "no answer";
}
