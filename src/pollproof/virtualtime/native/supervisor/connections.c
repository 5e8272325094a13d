/* What the program has sent and not yet been answered. A connection counts from its first byte until it has received
 * more than it had when it last sent. Of a connection within the program both ends are seen, and it counts only while the
 * kernel has bytes that it has not sent yet: a short segment waits until the one before it is acknowledged, which may
 * take the receiver tens of milliseconds (RFC 896, RFC 1122 4.2.3.2). */
#include "supervisor.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* A datagram, or a request to a daemon of this machine, may never be answered, and is not waited for longer. */
#define LIFE_OF_A_DATAGRAM SECOND

/* Linux acknowledges within 200 ms. Bytes that stay longer wait for a receiver that does not read. */
#define LONGEST_ACKNOWLEDGEMENT (250 * MILLISECOND)

/* After bytes have come, from another machine or a server of this one, more may be on their way. */
#define LEAST_SILENCE (5 * MILLISECOND)
#define LEAST_LOCAL_SILENCE MILLISECOND

enum connection_kind { STREAM, DATAGRAM, WITHIN };

struct connection {
    enum connection_kind kind;
    pid_t pid;
    int fd;
    uint64_t inode;
    bool is_local; /* to this machine: what is sent is there at once */
    bool is_in_flight;
    uint64_t received; /* bytes, when it last sent */
    int64_t since;     /* by the machine's clock: when it last sent */
    int64_t heard;     /* by the machine's clock: when it was last seen to have received something */
    struct pending *entry;
    struct connection *next;
};

static struct connection *connections;

static struct connection *connection_of(uint64_t inode) {
    for (struct connection *each = connections; each != NULL; each = each->next)
        if (each->inode == inode) return each;
    return NULL;
}

/* The provider reads in the shared file when a request was sent. */
static void publish(struct connection *connection, uint32_t port) {
    for (uint32_t index = 0; connection->entry == NULL && index < MOST_PENDING; index++) {
        struct pending *entry = &clock_file->pending_requests[index];
        if (atomic_load(&entry->pid) != 0) continue;
        connection->entry = entry;
        if (atomic_load(&clock_file->pending_used) <= index) atomic_store(&clock_file->pending_used, index + 1);
    }
    if (connection->entry == NULL) return;
    atomic_store(&connection->entry->port, port);
    atomic_store(&connection->entry->kind, PENDING_SENT);
    atomic_store(&connection->entry->since, connection->since);
    atomic_store(&connection->entry->pid, getpid());
}

static void end_pending(struct connection *connection) {
    connection->is_in_flight = false;
    if (connection->entry != NULL) atomic_store(&connection->entry->pid, 0);
    connection->entry = NULL;
}

static void remove_connection(struct connection *connection) {
    end_pending(connection);
    for (struct connection **link = &connections; *link != NULL; link = &(*link)->next) {
        if (*link != connection) continue;
        *link = connection->next;
        break;
    }
    free(connection);
}

union address {
    struct sockaddr any;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
};

static uint32_t port_of(const union address *address) {
    if (address->any.sa_family == AF_INET) return ntohs(address->four.sin_port);
    return address->any.sa_family == AF_INET6 ? ntohs(address->six.sin6_port) : 0;
}

static bool is_loopback(const union address *address) {
    if (address->any.sa_family == AF_INET) return (ntohl(address->four.sin_addr.s_addr) >> 24) == 127;
    if (address->any.sa_family != AF_INET6) return true;
    const struct in6_addr *six = &address->six.sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127);
}

static uint32_t local_port(int copy) {
    union address address = {.any.sa_family = AF_UNSPEC};
    socklen_t length = sizeof address;
    return getsockname(copy, &address.any, &length) == 0 ? port_of(&address) : 0;
}

static int option_of(int copy, int option) {
    int value = -1;
    socklen_t length = sizeof value;
    return getsockopt(copy, SOL_SOCKET, option, &value, &length) == 0 ? value : -1;
}

/* Ports on which the program itself listens. */

#define MOST_LISTENERS 1024
static uint32_t listeners[MOST_LISTENERS];
static size_t listener_count;

void note_listener(struct call *call) {
    int copy = copy_descriptor(call->thread->pid, (int)call->arguments[0]);
    uint32_t port = copy < 0 ? 0 : local_port(copy);
    if (copy >= 0) close(copy);
    if (port != 0 && listener_count < MOST_LISTENERS) listeners[listener_count++] = port;
    proceed(call->id);
}

static bool is_own_listener(const union address *address) {
    uint32_t port = port_of(address);
    for (size_t index = 0; index < listener_count; index++)
        if (listeners[index] == port && is_loopback(address)) return true;
    return false;
}

static bool read_tcp(int copy, struct tcp_info *info) {
    socklen_t length = sizeof *info;
    memset(info, 0, sizeof *info);
    return getsockopt(copy, IPPROTO_TCP, TCP_INFO, info, &length) == 0;
}

static struct connection *add_connection(enum connection_kind kind, pid_t pid, int fd, uint64_t inode) {
    struct connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL) fail("memory");
    *connection = (struct connection){.kind = kind, .pid = pid, .fd = fd, .inode = inode, .next = connections};
    connections = connection;
    return connection;
}

void begin_connection(struct call *call) {
    union address address = {.any.sa_family = AF_UNSPEC};
    size_t length = call->arguments[2] < sizeof address ? call->arguments[2] : sizeof address;
    pid_t pid = call->thread->pid;
    int fd = (int)call->arguments[0];
    int copy = -1;
    if (read_memory(call->thread->tid, &address, call->arguments[1], length)) copy = copy_descriptor(pid, fd);
    uint64_t inode = copy < 0 ? 0 : socket_inode(copy);
    bool is_internet = address.any.sa_family == AF_INET || address.any.sa_family == AF_INET6;
    if (inode != 0 && is_internet && option_of(copy, SO_TYPE) == SOCK_STREAM && !is_own_listener(&address)) {
        struct connection *connection = connection_of(inode);
        if (connection == NULL) connection = add_connection(STREAM, pid, fd, inode);
        connection->kind = STREAM;
        connection->is_local = is_loopback(&address);
        connection->is_in_flight = true; /* until it is connected */
        connection->since = 0;
    }
    if (copy >= 0) close(copy);
    proceed(call->id);
}

/* A datagram, or bytes for or from a port on which the program listens. */
static void note_other(struct call *call, int fd, int copy, uint64_t inode) {
    int domain = option_of(copy, SO_DOMAIN), type = option_of(copy, SO_TYPE);
    if ((type != SOCK_DGRAM && type != SOCK_STREAM) || (domain != AF_INET && domain != AF_INET6)) return;
    struct connection *connection = connection_of(inode);
    if (connection == NULL)
        connection = add_connection(type == SOCK_DGRAM ? DATAGRAM : WITHIN, call->thread->pid, fd, inode);
    connection->pid = call->thread->pid;
    connection->fd = fd;
    connection->is_in_flight = true;
    connection->since = machine_now();
}

static void let_send(struct call *call, int fd) {
    if (!waits_to_send(call, fd)) proceed(call->id);
}

/* Before the bytes leave: the answer may be there before the call returns. */
void note_sending(struct call *call) {
    bool may_be_datagram = call->number == SYS_sendto || call->number == SYS_sendmsg || call->number == SYS_sendmmsg;
    int fd = (int)call->arguments[call->number == SYS_splice ? 2 : 0];
    if (connections == NULL && listener_count == 0 && !may_be_datagram) {
        let_send(call, fd);
        return;
    }
    int copy = copy_descriptor(call->thread->pid, fd);
    uint64_t inode = copy < 0 ? 0 : socket_inode(copy);
    struct connection *connection = inode == 0 ? NULL : connection_of(inode);
    if (connection != NULL && connection->kind == STREAM) {
        struct tcp_info info;
        connection->pid = call->thread->pid;
        connection->fd = fd;
        connection->since = machine_now();
        if (read_tcp(copy, &info)) {
            connection->received = info.tcpi_bytes_received;
            connection->is_in_flight = true;
            publish(connection, local_port(copy));
        }
    } else if (inode != 0) note_other(call, fd, copy, inode);
    if (copy >= 0) close(copy);
    let_send(call, fd);
}

/* Another process of the program that has the socket open; a shell passes connections on to its children. */
static bool find_owner(struct connection *connection) {
    char wanted[48], path[64], target[64];
    snprintf(wanted, sizeof wanted, "socket:[%llu]", (unsigned long long)connection->inode);
    for (struct thread *thread = all_threads; thread != NULL; thread = thread->next) {
        if (thread->tid != thread->pid) continue;
        snprintf(path, sizeof path, "/proc/%d/fd", thread->pid);
        DIR *folder = opendir(path);
        struct dirent *entry;
        while (folder != NULL && (entry = readdir(folder)) != NULL) {
            ssize_t length = readlinkat(dirfd(folder), entry->d_name, target, sizeof target - 1);
            if (length <= 0) continue;
            target[length] = '\0';
            if (strcmp(target, wanted) != 0) continue;
            connection->pid = thread->pid;
            connection->fd = atoi(entry->d_name);
            closedir(folder);
            return true;
        }
        if (folder != NULL) closedir(folder);
    }
    return false;
}

/* A duplicate of its descriptor; -1 when the program has closed it. */
static int open_copy(struct connection *connection) {
    int copy = copy_descriptor(connection->pid, connection->fd);
    if (copy >= 0 && socket_inode(copy) == connection->inode) return copy;
    if (copy >= 0) close(copy);
    if (!find_owner(connection)) return -1;
    return copy_descriptor(connection->pid, connection->fd);
}

static bool is_answered(struct connection *connection, int copy) {
    struct pollfd file = {.fd = copy, .events = POLLIN};
    int64_t machine = machine_now();
    if (connection->kind == DATAGRAM)
        return machine - connection->since > LIFE_OF_A_DATAGRAM || poll(&file, 1, 0) > 0;
    struct tcp_info info;
    if (!read_tcp(copy, &info)) return true;
    if (info.tcpi_state == 2 /* SYN_SENT */) return false;
    if (info.tcpi_state != 1 /* ESTABLISHED */ || connection->since == 0) return true;
    if (info.tcpi_bytes_received == connection->received) return false;
    /* A provider that holds the clock has sent all that it will. Of others more may be on its way, or the end. */
    if (connection->is_local && atomic_load(&clock_file->held) > 0) return true;
    if (connection->heard < connection->since) connection->heard = machine;
    int64_t silence = 2 * (int64_t)info.tcpi_rtt * MICROSECOND;
    if (silence < LEAST_SILENCE) silence = LEAST_SILENCE;
    if (connection->is_local) return machine - connection->heard > LEAST_LOCAL_SILENCE;
    return machine - connection->heard > silence && (int64_t)info.tcpi_last_data_recv * MILLISECOND > silence;
}

/* Those that the kernel has not sent yet. */
static bool has_unsent_bytes(int copy) {
    int unsent = 0;
    return ioctl(copy, SIOCOUTQNSD, &unsent) == 0 && unsent > 0;
}

static bool provider_delays(struct connection *connection) {
    uint32_t port = connection->entry == NULL ? 0 : atomic_load(&connection->entry->port);
    uint32_t used = atomic_load(&clock_file->waiters_used);
    for (uint32_t index = 0; port != 0 && index < used; index++) {
        struct waiter *waiter = &clock_file->waiters[index];
        if (atomic_load(&waiter->pid) > 0 && atomic_load(&waiter->port) == port) return true;
    }
    return false;
}

bool something_is_in_flight(void) {
    bool found = false;
    for (struct connection *each = connections, *next; each != NULL; each = next) {
        next = each->next;
        if (!each->is_in_flight || provider_delays(each)) continue;
        int copy = open_copy(each);
        if (copy < 0) {
            remove_connection(each);
            continue;
        }
        if (each->kind == WITHIN) {
            found = has_unsent_bytes(copy) || found;
            /* A program that serves has many, one after the other. */
            if (machine_now() - each->since > LONGEST_ACKNOWLEDGEMENT) remove_connection(each);
        } else if (is_answered(each, copy)) end_pending(each);
        else found = true;
        if (found) note_obstacle(clock_file, REQUEST_IN_FLIGHT, local_port(copy));
        close(copy);
    }
    return found;
}
