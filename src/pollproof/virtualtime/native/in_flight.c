/* Requests under way: what a socket of the client has sent and not yet been answered.
 *
 * A socket is known by its local port, since processes pass sockets on: bash sends through one number of a file
 * descriptor, and a child of it receives through another. Only sockets that connect count. One that was accepted
 * answers, and waits for nobody.
 */
#include "in_flight.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What a file descriptor of this process is. Looked up when it is first used. */
enum descriptor_kind { UNKNOWN, PLAIN, STREAM, ACCEPTED, DATAGRAM };

#define DESCRIPTORS 65536
static _Atomic uint8_t kinds[DESCRIPTORS];
static _Atomic uint16_t ports[DESCRIPTORS]; /* of those that have had a pending request */
static _Atomic int highest_descriptor;

/* What is waited for before a socket receives or sends, nanoseconds: SO_RCVTIMEO and SO_SNDTIMEO. */
static _Atomic int64_t limits[DESCRIPTORS][2];

/* A datagram may never be answered, and is not waited for longer than this. */
#define LIFE_OF_A_DATAGRAM SECOND

/* A server's short second segment waits until the first one is acknowledged (RFC 896), which takes its receiver up to
 * 200 ms on Linux. Bytes that stay longer wait for a receiver that does not read. */
#define LONGEST_ACKNOWLEDGEMENT (250 * MILLISECOND)

static bool is_tracked(int fd) {
    return fd >= 0 && fd < DESCRIPTORS;
}

static void set_kind(int fd, enum descriptor_kind kind) {
    if (!is_tracked(fd)) return;
    atomic_store(&kinds[fd], kind);
    atomic_store(&ports[fd], 0);
    int highest = atomic_load(&highest_descriptor);
    while (highest < fd && !atomic_compare_exchange_weak(&highest_descriptor, &highest, fd)) {}
}

static void set_limits(int fd, int64_t receiving, int64_t sending) {
    atomic_store(&limits[fd][RECEIVING], receiving);
    atomic_store(&limits[fd][SENDING], sending);
}

static int option_of(int fd, int option) {
    int value = -1;
    socklen_t length = sizeof value;
    return real.getsockopt(fd, SOL_SOCKET, option, &value, &length) == 0 ? value : -1;
}

static enum descriptor_kind kind_of(int fd) {
    if (!is_tracked(fd)) return PLAIN;
    enum descriptor_kind kind = atomic_load(&kinds[fd]);
    if (kind != UNKNOWN) return kind;
    int before = errno;
    int type = option_of(fd, SO_TYPE);
    int domain = type < 0 ? -1 : option_of(fd, SO_DOMAIN);
    errno = before;
    if (domain != AF_INET && domain != AF_INET6) kind = PLAIN;
    else kind = type == SOCK_STREAM ? STREAM : type == SOCK_DGRAM ? DATAGRAM : PLAIN;
    set_kind(fd, kind);
    return kind;
}

static bool may_be_pending(int fd) {
    if (!is_tracked(fd) || attached_file == NULL) return false;
    enum descriptor_kind kind = kind_of(fd);
    return kind == STREAM || kind == DATAGRAM;
}

/* 0 where the descriptor is not an Internet socket, or has no port yet. */
static uint32_t local_port(int fd) {
    union {
        struct sockaddr any;
        struct sockaddr_in four;
        struct sockaddr_in6 six;
    } name;
    socklen_t length = sizeof name;
    int before = errno;
    int failed = (int)kernel_call(SYS_getsockname, fd, (long)&name, (long)&length, 0, 0, 0);
    errno = before;
    if (failed) return 0;
    if (name.any.sa_family == AF_INET) return ntohs(name.four.sin_port);
    return name.any.sa_family == AF_INET6 ? ntohs(name.six.sin6_port) : 0;
}

static pid_t own_process(void) {
    return (pid_t)kernel_call(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

static struct pending *claim(struct shared *shared) {
    for (uint32_t index = 0; index < MOST_PENDING; index++) {
        struct pending *pending = &shared->pending_requests[index];
        int32_t nobody = 0;
        if (!atomic_compare_exchange_strong(&pending->pid, &nobody, CLAIMED)) continue;
        uint32_t used = atomic_load(&shared->pending_used);
        while (used <= index && !atomic_compare_exchange_weak(&shared->pending_used, &used, index + 1)) {}
        return pending;
    }
    return NULL;
}

static void end_pending(struct pending *pending) {
    if (pending != NULL) atomic_store(&pending->pid, 0);
}

/* This process's pending request of that port, or of that descriptor while it has no port. */
static struct pending *pending_of(struct shared *shared, int fd, uint32_t port) {
    pid_t pid = own_process();
    uint32_t used = atomic_load(&shared->pending_used);
    for (uint32_t index = 0; index < used; index++) {
        struct pending *pending = &shared->pending_requests[index];
        if (atomic_load(&pending->pid) != pid || atomic_load(&pending->kind) == PENDING_LOOKUP) continue;
        uint32_t its_port = atomic_load(&pending->port);
        if (its_port != 0 ? its_port == port : atomic_load(&pending->fd) == fd) return pending;
    }
    return NULL;
}

static struct pending *begin_pending(struct shared *shared, int fd, uint32_t port, enum pending_kind kind) {
    struct pending *pending = pending_of(shared, fd, port);
    bool is_new = pending == NULL;
    if (is_new) pending = claim(shared);
    if (pending == NULL) return NULL;
    atomic_store(&pending->fd, fd);
    atomic_store(&pending->port, port);
    atomic_store(&pending->kind, kind);
    atomic_store(&pending->since, machine_now());
    if (is_new) atomic_store(&pending->pid, own_process());
    if (is_tracked(fd)) atomic_store(&ports[fd], (uint16_t)port);
    return pending;
}

/* Ends the pending requests of that port, of whichever process: another one than the sender may have the response. */
static void end_pending_of_port(struct shared *shared, uint32_t port) {
    uint32_t used = atomic_load(&shared->pending_used);
    for (uint32_t index = 0; index < used; index++) {
        struct pending *pending = &shared->pending_requests[index];
        if (atomic_load(&pending->pid) > 0 && atomic_load(&pending->port) == port) end_pending(pending);
    }
}

struct sending sending_begins(int fd) {
    struct sending sending = {.fd = fd};
    if (!is_tracked(fd) || attached_file == NULL) return sending;
    enum descriptor_kind kind = kind_of(fd);
    if (kind != STREAM && kind != DATAGRAM && kind != ACCEPTED) return sending;
    sending.shared = attached();
    sending.is_response = kind == ACCEPTED;
    if (sending.shared == NULL || kind_of(fd) != STREAM) return sending;
    uint32_t port = local_port(fd);
    if (port == 0) return sending; /* not connected, or another file by now */
    /* Before the bytes leave: the answer may be there before the call returns. */
    sending.was_under_way = pending_of(sending.shared, fd, port) != NULL;
    sending.pending = begin_pending(sending.shared, fd, port, PENDING_SENT);
    return sending;
}

static bool has_unsent_bytes(int fd) {
    int unsent = 0;
    return kernel_call(SYS_ioctl, fd, SIOCOUTQNSD, (long)&unsent, 0, 0, 0) == 0 && unsent > 0;
}

void sending_ends(const struct sending *sending, ssize_t sent) {
    if (sending->shared == NULL) return;
    int before = errno;
    if (sending->is_response) {
        if (sent > 0 && has_unsent_bytes(sending->fd))
            begin_pending(sending->shared, sending->fd, 0, PENDING_UNSENT);
        errno = before;
        return;
    }
    if (sent > 0 && sending->pending == NULL) {
        uint32_t port = local_port(sending->fd);
        bool is_stream = kind_of(sending->fd) == STREAM;
        if (port != 0) begin_pending(sending->shared, sending->fd, port, is_stream ? PENDING_SENT : PENDING_DATAGRAM);
        else set_kind(sending->fd, PLAIN);
    }
    if (sent <= 0 && sending->pending != NULL && !sending->was_under_way) end_pending(sending->pending);
    errno = before;
}

void received(int fd, ssize_t length) {
    if (!may_be_pending(fd)) return;
    if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return;
    struct shared *shared = attached();
    if (shared == NULL) return;
    int before = errno;
    uint32_t port = local_port(fd);
    if (port == 0) port = atomic_load(&ports[fd]); /* a reset connection has none any more */
    if (port != 0) end_pending_of_port(shared, port);
    errno = before;
}

void socket_is_new(int fd, bool is_accepted) {
    if (!is_tracked(fd) || attached_file == NULL || attached() == NULL) return;
    set_kind(fd, is_accepted ? ACCEPTED : UNKNOWN);
    set_limits(fd, 0, 0);
}

struct sending connecting_begins(int fd) {
    struct sending sending = {.fd = fd, .shared = attached()};
    if (sending.shared == NULL || !is_tracked(fd)) return (struct sending){.fd = fd};
    set_kind(fd, UNKNOWN);
    if (kind_of(fd) == STREAM) sending.pending = begin_pending(sending.shared, fd, 0, PENDING_CONNECTING);
    return sending;
}

void connecting_ends(const struct sending *sending, int result) {
    if (sending->pending == NULL) return;
    int before = errno;
    bool goes_on = result < 0 && (before == EINPROGRESS || before == EALREADY || before == EINTR);
    uint32_t port = local_port(sending->fd);
    atomic_store(&ports[sending->fd], (uint16_t)port);
    if (goes_on) atomic_store(&sending->pending->port, port);
    else end_pending(sending->pending);
    errno = before;
}

void connection_was_asked_for(int fd) {
    if (!may_be_pending(fd)) return;
    struct shared *shared = attached();
    if (shared == NULL) return;
    int before = errno;
    struct pending *pending = pending_of(shared, fd, atomic_load(&ports[fd]));
    struct pollfd writable = {.fd = fd, .events = POLLOUT};
    struct timespec at_once = {0};
    if (pending != NULL && atomic_load(&pending->kind) == PENDING_CONNECTING)
        if (real.ppoll(&writable, 1, &at_once, NULL) > 0) end_pending(pending);
    errno = before;
}

void descriptor_is_closed(int fd) {
    if (!is_tracked(fd) || attached_file == NULL) return;
    enum descriptor_kind kind = atomic_load(&kinds[fd]);
    forget_timer_of(fd);
    if (kind == UNKNOWN) return;
    struct shared *shared = attached();
    if (shared == NULL) return;
    uint16_t port = atomic_load(&ports[fd]);
    set_kind(fd, UNKNOWN);
    set_limits(fd, 0, 0);
    if (kind != STREAM && kind != DATAGRAM) return;
    struct pending *pending = pending_of(shared, fd, port);
    if (pending == NULL) return;
    int highest = atomic_load(&highest_descriptor);
    for (int other = 0; other <= highest && port != 0; other++)
        if (atomic_load(&ports[other]) == port) return; /* a duplicate keeps the connection open */
    end_pending(pending);
}

void descriptors_are_closed(unsigned first, unsigned last) {
    if (attached_file == NULL || attached() == NULL) return;
    unsigned highest = (unsigned)atomic_load(&highest_descriptor);
    for (unsigned fd = first; fd <= last && fd <= highest; fd++) descriptor_is_closed((int)fd);
}

void descriptor_is_duplicated(int fd, int copy) {
    if (copy < 0 || !is_tracked(fd) || !is_tracked(copy) || attached_file == NULL || attached() == NULL) return;
    if (copy == fd) return;
    set_kind(copy, atomic_load(&kinds[fd]));
    atomic_store(&ports[copy], atomic_load(&ports[fd]));
    set_limits(copy, atomic_load(&limits[fd][RECEIVING]), atomic_load(&limits[fd][SENDING]));
}

static struct pending *lookup(struct shared *shared) {
    struct pending *pending = claim(shared);
    if (pending == NULL) return NULL;
    atomic_store(&pending->fd, own_thread());
    atomic_store(&pending->port, 0);
    atomic_store(&pending->kind, PENDING_LOOKUP);
    atomic_store(&pending->since, machine_now());
    atomic_store(&pending->pid, own_process());
    return pending;
}

/* libc queries name servers by calls that no hook sees. */
struct pending *lookup_begins(void) {
    struct shared *shared = attached();
    return shared == NULL ? NULL : lookup(shared);
}

void lookup_ends(struct pending *pending) {
    int before = errno;
    end_pending(pending);
    errno = before;
}

/* Whether the descriptor of this process still is that of the pending request. Hooks do not see what libc itself closes. */
static bool is_still_open(const struct pending *pending) {
    uint32_t port = atomic_load(&pending->port);
    int highest = atomic_load(&highest_descriptor);
    for (int fd = 0; fd <= highest && port != 0; fd++)
        if (atomic_load(&ports[fd]) == port && local_port(fd) == port) return true;
    return port == 0;
}

static bool is_connected_by_now(const struct pending *pending) {
    struct pollfd writable = {.fd = atomic_load(&pending->fd), .events = POLLOUT};
    struct timespec at_once = {0};
    return real.ppoll(&writable, 1, &at_once, NULL) > 0;
}

static bool is_over(const struct pending *pending, pid_t owner) {
    enum pending_kind kind = atomic_load(&pending->kind);
    if (kind == PENDING_DATAGRAM && machine_now() - atomic_load(&pending->since) > LIFE_OF_A_DATAGRAM) return true;
    bool is_own = owner == own_process();
    if (kind == PENDING_UNSENT)
        return machine_now() - atomic_load(&pending->since) > LONGEST_ACKNOWLEDGEMENT ||
               (is_own && !has_unsent_bytes(atomic_load(&pending->fd)));
    if (!is_own) return thread_state(owner, owner) == 0;
    if (kind == PENDING_LOOKUP) return thread_state(owner, atomic_load(&pending->fd)) == 0;
    if (kind == PENDING_CONNECTING) return is_connected_by_now(pending);
    return !is_still_open(pending);
}

int64_t last_sent(struct shared *shared, uint32_t port) {
    int64_t last = NEVER;
    uint32_t used = atomic_load(&shared->pending_used);
    for (uint32_t index = 0; index < used; index++) {
        struct pending *pending = &shared->pending_requests[index];
        if (atomic_load(&pending->pid) <= 0 || atomic_load(&pending->port) != port) continue;
        if (atomic_load(&pending->kind) == PENDING_SENT) last = atomic_load(&pending->since);
    }
    return last;
}

bool something_is_under_way(struct shared *shared) {
    bool found = false;
    int before = errno;
    uint32_t used = atomic_load(&shared->pending_used);
    for (uint32_t index = 0; index < used && !found; index++) {
        struct pending *pending = &shared->pending_requests[index];
        int32_t owner = atomic_load(&pending->pid);
        if (owner == 0 || port_is_kept_waiting(shared, atomic_load(&pending->port))) continue;
        if (owner > 0 && is_over(pending, owner)) atomic_compare_exchange_strong(&pending->pid, &owner, 0);
        else found = true;
        if (found) note_obstacle(shared, REQUEST_IN_FLIGHT, atomic_load(&pending->port));
    }
    errno = before;
    return found;
}

void limit_is_set(int fd, enum way way, int64_t nanoseconds) {
    if (!is_tracked(fd) || attached_file == NULL || attached() == NULL) return;
    kind_of(fd); /* so that its end is noted */
    atomic_store(&limits[fd][way], nanoseconds);
}

/* Whether the time-out of the socket has passed, or a signal has come, before the call could be done at once. */
bool is_over_before(int fd, enum way way, int flags) {
    if (!is_tracked(fd) || (flags & MSG_DONTWAIT)) return false;
    int64_t limit = atomic_load(&limits[fd][way]);
    if (limit == 0 || attached() == NULL || (real.fcntl(fd, F_GETFL) & O_NONBLOCK)) return false;
    struct pollfd file = {.fd = fd, .events = way == SENDING ? POLLOUT : POLLIN};
    struct timespec time = as_timespec(limit);
    int ready = ppoll(&file, 1, &time, NULL);
    if (ready == 0) errno = EAGAIN;
    return ready <= 0;
}
