/* Hooks of the calls that show what is under way, and of name look-ups. They change nothing. */
#include "in_flight.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <unistd.h>

/* sending */

#define SENDS(call, flags)                               \
    be_ready();                                          \
    if (is_over_before(fd, SENDING, flags)) return -1;   \
    struct sending sending = sending_begins(fd);         \
    __typeof__(call) sent = call;                        \
    sending_ends(&sending, sent);                        \
    return sent

HOOK ssize_t send(int fd, const void *bytes, size_t length, int flags) {
    SENDS(real.send(fd, bytes, length, flags), flags);
}

HOOK ssize_t sendto(int fd, const void *bytes, size_t length, int flags, const struct sockaddr *to, socklen_t size) {
    SENDS(real.sendto(fd, bytes, length, flags, to, size), flags);
}

HOOK ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    SENDS(real.sendmsg(fd, message, flags), flags);
}

HOOK int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags) {
    SENDS(real.sendmmsg(fd, messages, count, flags), flags);
}

HOOK ssize_t write(int fd, const void *bytes, size_t length) {
    SENDS(real.write(fd, bytes, length), 0);
}

HOOK ssize_t writev(int fd, const struct iovec *parts, int count) {
    SENDS(real.writev(fd, parts, count), 0);
}

HOOK ssize_t sendfile(int fd, int from, off_t *offset, size_t length) {
    SENDS(real.sendfile(fd, from, offset, length), 0);
}

HOOK ssize_t sendfile64(int fd, int from, off64_t *offset, size_t length) {
    SENDS(real.sendfile64(fd, from, offset, length), 0);
}

/* receiving */

#define RECEIVES(call, flags)                            \
    be_ready();                                          \
    if (is_over_before(fd, RECEIVING, flags)) return -1; \
    __typeof__(call) length_received = call; \
    received(fd, length_received);           \
    return length_received

HOOK ssize_t recv(int fd, void *bytes, size_t length, int flags) {
    RECEIVES(real.recv(fd, bytes, length, flags), flags);
}

HOOK ssize_t recvfrom(int fd, void *restrict bytes, size_t length, int flags, struct sockaddr *restrict from,
                      socklen_t *restrict size) {
    RECEIVES(real.recvfrom(fd, bytes, length, flags, from, size), flags);
}

HOOK ssize_t recvmsg(int fd, struct msghdr *message, int flags) {
    RECEIVES(real.recvmsg(fd, message, flags), flags);
}

HOOK int recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *time) {
    RECEIVES(real.recvmmsg(fd, messages, count, flags, time), flags);
}

HOOK ssize_t read(int fd, void *bytes, size_t length) {
    RECEIVES(real.read(fd, bytes, length), 0);
}

HOOK ssize_t readv(int fd, const struct iovec *parts, int count) {
    RECEIVES(real.readv(fd, parts, count), 0);
}

/* The same, as compilers call them where they know the size of the buffer. */

HOOK ssize_t __read_chk(int fd, void *bytes, size_t length, size_t size) {
    RECEIVES(real.__read_chk(fd, bytes, length, size), 0);
}

HOOK ssize_t __recv_chk(int fd, void *bytes, size_t length, size_t size, int flags) {
    RECEIVES(real.__recv_chk(fd, bytes, length, size, flags), flags);
}

HOOK ssize_t __recvfrom_chk(int fd, void *bytes, size_t length, size_t size, int flags, struct sockaddr *from,
                            socklen_t *from_size) {
    RECEIVES(real.__recvfrom_chk(fd, bytes, length, size, flags, from, from_size), flags);
}

/* opening and closing */

HOOK int socket(int domain, int type, int protocol) {
    be_ready();
    int fd = real.socket(domain, type, protocol);
    socket_is_new(fd, false);
    return fd;
}

HOOK int accept(int fd, struct sockaddr *restrict from, socklen_t *restrict size) {
    be_ready();
    if (is_over_before(fd, RECEIVING, 0)) return -1;
    int connection = real.accept(fd, from, size);
    socket_is_new(connection, true);
    return connection;
}

HOOK int accept4(int fd, struct sockaddr *restrict from, socklen_t *restrict size, int flags) {
    be_ready();
    if (is_over_before(fd, RECEIVING, 0)) return -1;
    int connection = real.accept4(fd, from, size, flags);
    socket_is_new(connection, true);
    return connection;
}

HOOK int connect(int fd, const struct sockaddr *to, socklen_t size) {
    be_ready();
    struct sending connecting = connecting_begins(fd);
    int result = real.connect(fd, to, size);
    connecting_ends(&connecting, result);
    return result;
}

HOOK int setsockopt(int fd, int level, int option, const void *value, socklen_t size) {
    be_ready();
    int result = real.setsockopt(fd, level, option, value, size);
    bool is_limit = level == SOL_SOCKET && (option == SO_RCVTIMEO || option == SO_SNDTIMEO);
    if (result != 0 || !is_limit || size < sizeof(struct timeval)) return result;
    const struct timeval *time = value;
    limit_is_set(fd, option == SO_SNDTIMEO ? SENDING : RECEIVING, time->tv_sec * SECOND + time->tv_usec * MICROSECOND);
    return result;
}

HOOK int getsockopt(int fd, int level, int option, void *restrict value, socklen_t *restrict size) {
    be_ready();
    int result = real.getsockopt(fd, level, option, value, size);
    /* How a client learns whether a connection has been made. */
    if (level == SOL_SOCKET && option == SO_ERROR) connection_was_asked_for(fd);
    return result;
}

HOOK int shutdown(int fd, int how) {
    be_ready();
    int result = real.shutdown(fd, how);
    if (how != SHUT_WR && result == 0) received(fd, 0);
    return result;
}

HOOK int close(int fd) {
    be_ready();
    int before = errno;
    descriptor_is_closed(fd);
    errno = before;
    return real.close(fd);
}

HOOK int close_range(unsigned first, unsigned last, int flags) {
    be_ready();
    /* Those that are only marked for closing stay open until this program ends. */
    if ((flags & ~2) == 0) descriptors_are_closed(first, last);
    return real.close_range(first, last, flags);
}

HOOK void closefrom(int first) {
    be_ready();
    if (first >= 0) descriptors_are_closed((unsigned)first, UINT32_MAX);
    real.closefrom(first);
}

HOOK int dup(int fd) {
    be_ready();
    int copy = real.dup(fd);
    descriptor_is_duplicated(fd, copy);
    return copy;
}

HOOK int dup2(int fd, int copy) {
    be_ready();
    int result = real.dup2(fd, copy);
    descriptor_is_duplicated(fd, result);
    return result;
}

HOOK int dup3(int fd, int copy, int flags) {
    be_ready();
    int result = real.dup3(fd, copy, flags);
    descriptor_is_duplicated(fd, result);
    return result;
}

#define CONTROLS(function)                                                             \
    be_ready();                                                                        \
    va_list arguments;                                                                 \
    va_start(arguments, command);                                                      \
    void *argument = va_arg(arguments, void *);                                        \
    va_end(arguments);                                                                 \
    int result = function(fd, command, argument);                                      \
    if (command == F_DUPFD || command == F_DUPFD_CLOEXEC) descriptor_is_duplicated(fd, result); \
    return result

HOOK int fcntl(int fd, int command, ...) {
    CONTROLS(real.fcntl);
}

HOOK int fcntl64(int fd, int command, ...) {
    CONTROLS(real.fcntl64);
}

/* looking up names */

#define LOOKS_UP(call)                      \
    be_ready();                             \
    struct pending *pending = lookup_begins(); \
    __typeof__(call) result = call;         \
    lookup_ends(pending);                    \
    return result

HOOK int getaddrinfo(const char *restrict name, const char *restrict service, const struct addrinfo *restrict hints,
                     struct addrinfo **restrict found) {
    LOOKS_UP(real.getaddrinfo(name, service, hints, found));
}

HOOK int getnameinfo(const struct sockaddr *restrict address, socklen_t size, char *restrict host, socklen_t host_size,
                     char *restrict service, socklen_t service_size, int flags) {
    LOOKS_UP(real.getnameinfo(address, size, host, host_size, service, service_size, flags));
}

HOOK struct hostent *gethostbyname(const char *name) {
    LOOKS_UP(real.gethostbyname(name));
}

HOOK struct hostent *gethostbyname2(const char *name, int family) {
    LOOKS_UP(real.gethostbyname2(name, family));
}

HOOK int gethostbyname_r(const char *restrict name, struct hostent *restrict entry, char *restrict buffer,
                         size_t length, struct hostent **restrict found, int *restrict error) {
    LOOKS_UP(real.gethostbyname_r(name, entry, buffer, length, found, error));
}

HOOK int gethostbyname2_r(const char *restrict name, int family, struct hostent *restrict entry, char *restrict buffer,
                          size_t length, struct hostent **restrict found, int *restrict error) {
    LOOKS_UP(real.gethostbyname2_r(name, family, entry, buffer, length, found, error));
}
