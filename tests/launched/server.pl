# perl server.pl PORT [FAULT ...]: createTask and getTaskResult in one loop around select, with a list of timers.
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use Time::HiRes qw(time);

my ($port, @faults) = @ARGV;
my %fault = map { $_ => 1 } @faults;
my $lifetime = $fault{lifetime} ? 360 : 300;
my $polls = $fault{polls} ? 121 : 120;
my (%tasks, @timers, $number);
$number = 0;

sub later {
    my ($seconds, $action) = @_;
    @timers = sort { $a->[0] <=> $b->[0] } @timers, [time() + $seconds, $action];
}

sub refused { return (400, {errorId => 1, errorCode => $_[0], errorDescription => $_[0]}) }

sub create {
    my ($task) = @_;
    return refused('ERROR_INVALID_TASK_DATA') unless ref $task eq 'HASH' && $task->{type};
    my $id = sprintf '%08x-0000-4000-9000-%012x', $$, ++$number;
    return (200, {errorId => 0, taskId => $id, status => 'ready', solution => {text => $id}})
        if $task->{type} eq 'ImageToTextTask';
    return refused('ERROR_TASK_NOT_SUPPORTED') if $task->{type} ne 'ReCaptchaV2TaskProxyLess';
    my $state = $tasks{$id} = {status => 'idle', polls => 0, read => 0, created => time()};
    my $solving = 3 + $number % 7;
    later(2, sub { $state->{status} = 'processing'; later($solving, sub { $state->{status} = 'ready' }) });
    return (200, {errorId => 0, taskId => $id});
}

sub poll {
    my ($id) = @_;
    my $state = defined $id ? $tasks{$id} : undef;
    return refused('ERROR_TASKID_INVALID')
        if !$state || time() - $state->{created} > $lifetime || $state->{polls} >= $polls;
    $state->{polls}++;
    my $status = $state->{status};
    $status = 'processing' if $status eq 'ready' && ++$state->{read} == 3 && $fault{flip};
    my %solution = $status eq 'ready' ? (solution => {gRecaptchaResponse => "token of $id"}) : ();
    return (200, {errorId => 0, taskId => $id, status => $status, %solution});
}

sub answer {
    my ($path, $body) = @_;
    my $asked = eval { decode_json($body) };
    return refused('ERROR_BAD_REQUEST') unless ref $asked eq 'HASH';
    return refused('ERROR_KEY_DENIED_ACCESS') unless ($asked->{clientKey} // '') eq 'YOUR_API_KEY';
    return create($asked->{task}) if $path eq '/createTask';
    return $path eq '/getTaskResult' ? poll($asked->{taskId}) : refused('ERROR_BAD_REQUEST');
}

my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 8, ReuseAddr => 1)
    or die "port $port: $!\n";
my $select = IO::Select->new($listener);
my %received;
while (1) {
    my $left = @timers ? $timers[0][0] - time() : undef;
    for my $socket ($select->can_read(defined $left && $left < 0 ? 0 : $left)) {
        if ($socket == $listener) { $select->add($listener->accept); next }
        my $open = sysread $socket, $received{$socket}, 65536, length($received{$socket} // '');
        if (!$open) { $select->remove($socket); delete $received{$socket}; close $socket; next }
        next unless $received{$socket} =~ /\A\S+ (\S+) .*?\r\n(.*?)\r\n\r\n(.*)\z/s;
        my ($path, $head, $body) = ($1, $2, $3);
        my ($length) = $head =~ /^content-length: *(\d+)/im;
        next if length($body) < ($length // 0);
        delete $received{$socket};
        my ($status, $content) = answer($path, $body);
        my $text = encode_json($content);
        my $reason = $status == 200 ? 'OK' : 'Bad Request';
        syswrite $socket, "HTTP/1.1 $status $reason\r\nContent-Type: application/json\r\nContent-Length: "
            . length($text) . "\r\n\r\n$text";
    }
    (shift @timers)->[1]->() while @timers && $timers[0][0] <= time();
}
