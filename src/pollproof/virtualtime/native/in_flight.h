/* What the hooks see of sockets. */
#ifndef POLLPROOF_LEAP_IN_FLIGHT_H
#define POLLPROOF_LEAP_IN_FLIGHT_H

#include "real.h"

/* A call that sends or connects, from its beginning to its end. */
struct sending {
    struct shared *shared; /* NULL: nothing to note */
    struct pending *pending;
    int fd;
    bool was_under_way;
    bool is_response; /* by a connection that was accepted */
};

enum way { RECEIVING, SENDING };
void limit_is_set(int fd, enum way way, int64_t nanoseconds);
bool is_over_before(int fd, enum way way, int flags);

struct sending sending_begins(int fd);
void sending_ends(const struct sending *sending, ssize_t sent);
void received(int fd, ssize_t length); /* errno is that of the call when length is negative */

void socket_is_new(int fd, bool is_accepted);
struct sending connecting_begins(int fd);
void connecting_ends(const struct sending *sending, int result);
void connection_was_asked_for(int fd);

void descriptor_is_closed(int fd); /* called before: its number may be in use again right after */
void descriptors_are_closed(unsigned first, unsigned last);
void descriptor_is_duplicated(int fd, int copy);

#endif
