/* What the judging process calls: it maps the same file, but is not a part of the client. */
#include "real.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define INTERFACE __attribute__((visibility("default")))

/* Makes the file, which must not be there yet. Returns NULL and sets errno when that fails. */
INTERFACE struct shared *pollproof_leap_create(const char *path, int64_t limit) {
    be_ready();
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return NULL;
    struct shared *shared = NULL;
    if (ftruncate(fd, sizeof *shared) == 0) {
        void *memory = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (memory != MAP_FAILED) shared = memory;
    }
    close(fd);
    if (shared == NULL) return NULL;
    atomic_store(&shared->limit, limit);
    atomic_store(&shared->leapt_at, machine_now());
    atomic_store(&shared->magic, MAGIC);
    return shared;
}

INTERFACE void pollproof_leap_release(struct shared *shared) {
    munmap(shared, sizeof *shared);
}

INTERFACE int64_t pollproof_leap_now(struct shared *shared) {
    return virtual_now(shared);
}

INTERFACE void pollproof_leap_advance(struct shared *shared, int64_t nanoseconds) {
    move_clock(shared, nanoseconds);
}

INTERFACE void pollproof_leap_hold(struct shared *shared, int64_t change) {
    if (change > 0) atomic_fetch_add(&shared->held, 1);
    atomic_fetch_add(&shared->holds, change);
}

INTERFACE int64_t pollproof_leap_attached(struct shared *shared) {
    return atomic_load(&shared->attached);
}

INTERFACE int64_t pollproof_leap_leaps(struct shared *shared) {
    return atomic_load(&shared->leaps);
}

INTERFACE int64_t pollproof_leap_leapt(struct shared *shared) {
    return atomic_load(&shared->leapt);
}

INTERFACE int64_t pollproof_leap_last_target(struct shared *shared) {
    return atomic_load(&shared->last_target);
}

/* When the client has last sent something through this port of its own; NEVER where that is not known. The clock does
 * not leap before the answer, so its offset is still what it was. */
INTERFACE int64_t pollproof_leap_sent(struct shared *shared, uint32_t port) {
    int64_t sent = last_sent(shared, port);
    return sent == NEVER ? NEVER : sent + atomic_load(&shared->offset);
}

INTERFACE int64_t pollproof_leap_strangers(struct shared *shared) {
    return atomic_load(&shared->strangers);
}

INTERFACE int pollproof_leap_has_attached(struct shared *shared, int32_t pid) {
    return is_listed(shared, pid);
}

/* A kind and a number, as in leap.h; 0 where nobody has looked for so long, because nobody waits with a deadline. */
INTERFACE uint64_t pollproof_leap_obstacle(struct shared *shared) {
    return machine_now() - atomic_load(&shared->obstacle_at) > SECOND ? 0 : atomic_load(&shared->obstacle);
}

/* Real nanoseconds since it leapt last, or was made. */
INTERFACE int64_t pollproof_leap_since(struct shared *shared) {
    return machine_now() - atomic_load(&shared->leapt_at);
}

/* A provider that waits takes its turn among the client's threads. It is not hurried: its thread may wait for the
 * interpreter between two moments of its wait. */
#define LEISURE (10 * SECOND)

INTERFACE struct waiter *pollproof_leap_appoint(struct shared *shared, int64_t deadline, uint32_t port) {
    struct waiter *waiter = publish_waiter(shared, NULL, deadline, machine_now() + LEISURE);
    if (waiter != NULL) atomic_store(&waiter->port, port);
    return waiter;
}

/* Waits for so long at most, really. Returns whether the time has come. */
INTERFACE int pollproof_leap_await(struct shared *shared, struct waiter *waiter, int64_t longest) {
    int64_t deadline = atomic_load(&waiter->deadline), end = machine_now() + longest;
    struct decision decision = {0};
    for (;;) {
        int64_t left = deadline - virtual_now(shared), now = machine_now();
        if (left <= 0) return 1;
        if (now >= end) return 0;
        uint32_t heard = atomic_load(&waiter->wakeups);
        int64_t moment = leap_or_wait(shared, waiter, deadline, &decision);
        if (moment == 0) continue;
        if (moment > left) moment = left;
        if (moment > end - now) moment = end - now;
        atomic_store(&waiter->promise, now + moment + LEISURE);
        sleep_until_woken(waiter, heard, moment);
    }
}

INTERFACE void pollproof_leap_dismiss(struct shared *shared, struct waiter *waiter) {
    withdraw_waiter(shared, waiter);
}
