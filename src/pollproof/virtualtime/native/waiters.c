/* The table of waiters: who waits until when. */
#include "real.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A waiter that is so late to look again, and is not about to run, does not look at all: its wait on a condition has
 * passed but cannot get its mutex back, or was left by longjmp. Nobody waits for such a one. A virtual machine may
 * stall one of its processors, and with it the timer that would wake the waiter, for a tenth of a second. */
#define LATE (SECOND / 2)

static struct waiter *claim(struct shared *shared) {
    for (uint32_t index = 0; index < WAITERS; index++) {
        struct waiter *waiter = &shared->waiters[index];
        int32_t nobody = 0;
        if (!atomic_compare_exchange_strong(&waiter->pid, &nobody, CLAIMED)) continue;
        uint32_t used = atomic_load(&shared->waiters_used);
        while (used <= index && !atomic_compare_exchange_weak(&shared->waiters_used, &used, index + 1)) {}
        return waiter;
    }
    return NULL;
}

/* Puts the calling thread into the table, or renews its entry. Returns NULL when the table is full. */
struct waiter *publish_waiter(struct shared *shared, struct waiter *own, int64_t deadline, int64_t promise) {
    pid_t tid = own_thread();
    /* A signal handler that waited itself, or left by longjmp, may have given the entry away. */
    bool is_mine = own != NULL && atomic_load(&own->tid) == tid && atomic_load(&own->pid) > 0;
    if (!is_mine) {
        own = claim(shared);
        if (own == NULL) return NULL;
        atomic_store(&own->tid, tid);
        atomic_store(&own->port, 0);
    }
    atomic_store(&own->deadline, deadline);
    atomic_store(&own->promise, promise);
    if (!is_mine) atomic_store(&own->pid, (int32_t)kernel_call(SYS_getpid, 0, 0, 0, 0, 0, 0));
    return own;
}

void wake_waiter(struct waiter *waiter) {
    int before = errno;
    atomic_fetch_add(&waiter->wakeups, 1);
    kernel_call(SYS_futex, (long)&waiter->wakeups, FUTEX_WAKE, INT_MAX, 0, 0, 0);
    errno = before;
}

void wake_all(struct shared *shared) {
    uint32_t used = atomic_load(&shared->waiters_used);
    for (uint32_t index = 0; index < used; index++)
        if (atomic_load(&shared->waiters[index].pid) > 0) wake_waiter(&shared->waiters[index]);
}

/* Sleeps until it is woken, unless that has happened since `heard` was read, but no longer than that. */
void sleep_until_woken(struct waiter *own, uint32_t heard, int64_t nanoseconds) {
    struct timespec longest = as_timespec(nanoseconds);
    kernel_call(SYS_futex, (long)&own->wakeups, FUTEX_WAIT, heard, (long)&longest, 0, 0);
}

/* Takes the thread out of the table, and wakes the one whose turn it is now. */
void withdraw_waiter(struct shared *shared, struct waiter *own) {
    if (own != NULL && atomic_load(&own->tid) == own_thread()) {
        atomic_store(&own->tid, 0);
        atomic_store(&own->pid, 0);
    }
    struct waiter *next = NULL;
    int64_t earliest = NEVER;
    uint32_t used = atomic_load(&shared->waiters_used);
    for (uint32_t index = 0; index < used; index++) {
        struct waiter *other = &shared->waiters[index];
        if (atomic_load(&other->pid) <= 0) continue;
        int64_t deadline = atomic_load(&other->deadline);
        if (deadline >= earliest) continue;
        earliest = deadline;
        next = other;
    }
    if (next != NULL) wake_waiter(next);
}

/* A little lateness is not worth a look at the thread. */
#define PUNCTUAL (20 * MILLISECOND)

/* Whether a waiter will do its part. One that died is removed. */
static bool is_responsive(struct waiter *other, int64_t now) {
    if (now <= atomic_load(&other->promise) + PUNCTUAL) return true;
    int32_t pid = atomic_load(&other->pid), tid = atomic_load(&other->tid);
    if (pid <= 0) return false;
    switch (thread_state(pid, tid)) {
        case 'R':
        case 'D':
            return true; /* late because the machine is busy */
        case 'T':
        case 't':
            return false; /* stopped */
        case 0:
            atomic_compare_exchange_strong(&other->pid, &pid, 0);
            return false;
        default:
            return now <= atomic_load(&other->promise) + LATE; /* its promise may be new by now */
    }
}

bool someone_is_due_earlier(struct shared *shared, struct waiter *own, int64_t deadline) {
    int64_t now = machine_now();
    uint32_t used = atomic_load(&shared->waiters_used);
    for (uint32_t index = 0; index < used; index++) {
        struct waiter *other = &shared->waiters[index];
        if (other == own || atomic_load(&other->pid) <= 0) continue;
        if (atomic_load(&other->deadline) < deadline && is_responsive(other, now)) return true;
    }
    return false;
}

/* How long a waiter whose turn it is not yet may look away: the more there are, the longer. */
int64_t patience(struct shared *shared) {
    int64_t crowd = 0;
    uint32_t used = atomic_load(&shared->waiters_used);
    for (uint32_t index = 0; index < used; index++)
        if (atomic_load(&shared->waiters[index].pid) > 0) crowd++;
    return (crowd < 1 ? 1 : crowd > 64 ? 64 : crowd) * 300 * MICROSECOND;
}

bool port_is_kept_waiting(struct shared *shared, uint32_t port) {
    if (port == 0) return false;
    uint32_t used = atomic_load(&shared->waiters_used);
    for (uint32_t index = 0; index < used; index++) {
        struct waiter *other = &shared->waiters[index];
        if (atomic_load(&other->pid) > 0 && atomic_load(&other->port) == port) return true;
    }
    return false;
}
