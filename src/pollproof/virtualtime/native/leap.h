/* The leaping clock: what its parts share.
 *
 * One file, mapped by the process that judges and by every process of the client, holds how far the virtual clock is
 * ahead of the machine's, who waits until when, and which requests are under way. A thread whose wait has the earliest
 * deadline, while nothing of the client runs and nothing is under way, moves the clock to that deadline.
 *
 * Nothing here allocates or takes a lock: hooks run in signal handlers, between fork and exec, and in processes that
 * are killed at any moment. Whatever a killed process leaves in the file is found by the processes that it would
 * hold up, and removed.
 */
#ifndef POLLPROOF_LEAP_H
#define POLLPROOF_LEAP_H

#define _GNU_SOURCE
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <signal.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#define SECOND INT64_C(1000000000)
#define MILLISECOND INT64_C(1000000)
#define MICROSECOND INT64_C(1000)
#define NEVER INT64_MAX
#define FOREVER (10 * 365 * INT64_C(86400) * SECOND) /* who waits so long does not mean to see the end of it */

#define MAGIC UINT64_C(0x6c656170696e6731)
#define PROCESSES 1024
#define WAITERS 1024
#define MOST_PENDING 1024

/* A thread that waits with a deadline. */
struct waiter {
    _Atomic int32_t pid;      /* 0: free; CLAIMED: being filled in */
    _Atomic int32_t tid;
    _Atomic int64_t deadline; /* by the virtual clock */
    _Atomic int64_t promise;  /* by the machine's clock: when it will have looked at the table again */
    _Atomic uint32_t wakeups; /* a futex, counted up to wake it before that */
    _Atomic uint32_t port;    /* of a provider that delays its answer: the client's port that waits for it */
    char padding[32];         /* one cache line each */
};

enum pending_kind { PENDING_CONNECTING = 1, PENDING_SENT, PENDING_DATAGRAM, PENDING_LOOKUP, PENDING_UNSENT };

/* Something outside of the client that is under way, and that a leap would overtake. */
struct pending {
    _Atomic int32_t pid; /* 0: free; CLAIMED: being filled in */
    _Atomic int32_t fd;
    _Atomic uint32_t port; /* the local one, 0 where there is none yet */
    _Atomic uint32_t kind;
    _Atomic int64_t since; /* by the machine's clock */
};

#define CLAIMED (-1)

/* Why the clock does not leap. */
enum obstacle_kind {
    PROVIDER_HOLDS = 1,
    REQUEST_IN_FLIGHT, /* the number: the client's port */
    THREAD_RUNS,       /* ... the thread */
    THREAD_RESTS,      /* ... one that waits in real time, by a call that is not followed */
    STRANGER,          /* ... a process that does not share the clock */
};

/* The file. */
struct shared {
    _Atomic uint64_t magic;
    _Atomic int64_t offset;   /* how far the virtual clock is ahead of the machine's */
    _Atomic int64_t limit;    /* no leap takes the offset beyond it */
    _Atomic int64_t date_shift; /* of the time of day alone, under supervision */
    _Atomic int32_t has_rate;   /* other than 1: the supervisor alone knows the time */
    _Atomic int64_t leapt;    /* the part of the offset that leaps made */
    _Atomic int64_t leaps;
    _Atomic int64_t last_target;   /* where the last leap led to, by the virtual clock */
    _Atomic int64_t attached; /* processes that have ever loaded the library */
    _Atomic int64_t holds;    /* reasons of the judging process not to leap now */
    _Atomic int64_t held;     /* how often it has had such a reason */
    _Atomic int64_t strangers; /* how often a child process without the library kept the clock from leaping */
    _Atomic uint64_t obstacle; /* what kept the clock from leaping at the last look: a kind, and its number */
    _Atomic int64_t obstacle_at; /* by the machine's clock: when it was noted */
    _Atomic int64_t leapt_at;  /* by the machine's clock: when it leapt last, or was made */
    _Atomic uint32_t processes_used; /* entries at or beyond these have never been in use */
    _Atomic uint32_t waiters_used;
    _Atomic uint32_t pending_used;
    /* Pids of the living, 0: free. Negative: one that is about to attach, or has replaced itself by a program that
     * may never do so. */
    _Atomic int32_t processes[PROCESSES];
    struct waiter waiters[WAITERS];
    struct pending pending_requests[MOST_PENDING];
};

/* real.c: the functions that the hooks stand before */
void find_real_functions(void);
int64_t machine_now(void);
static inline void note_obstacle(struct shared *shared, enum obstacle_kind kind, uint32_t number) {
    atomic_store(&shared->obstacle, (uint64_t)kind << 32 | number);
    atomic_store(&shared->obstacle_at, machine_now());
}
long kernel_call(long number, long a, long b, long c, long d, long e, long f);

/* process.c: this process as a part of the client */
extern struct shared *attached_file; /* NULL where the library has no effect */
struct shared *attached(void);       /* NULL also between vfork and exec, where memory is the parent's */
pid_t own_thread(void);
bool is_listed(struct shared *shared, int32_t entry);
void forget_process(struct shared *shared, pid_t pid);

/* waiters.c: the table of waiters */
struct waiter *publish_waiter(struct shared *shared, struct waiter *own, int64_t deadline, int64_t promise);
void withdraw_waiter(struct shared *shared, struct waiter *own);
bool someone_is_due_earlier(struct shared *shared, struct waiter *own, int64_t deadline);
int64_t patience(struct shared *shared);
void wake_waiter(struct waiter *waiter);
void wake_all(struct shared *shared);
void sleep_until_woken(struct waiter *own, uint32_t heard, int64_t nanoseconds);
bool port_is_kept_waiting(struct shared *shared, uint32_t port);

/* idle.c: what the kernel shows of the client's threads */
bool client_is_idle(struct shared *shared, uint64_t *fingerprint, bool *alone);
char thread_state(pid_t pid, pid_t tid);

/* in_flight.c: requests under way */
bool something_is_under_way(struct shared *shared);
int64_t last_sent(struct shared *shared, uint32_t port); /* by the machine's clock; NEVER where that is not known */
struct pending *lookup_begins(void);
void lookup_ends(struct pending *pending);

/* clock.c: the virtual clock, and the decision to move it */
struct decision {
    const sigset_t *mask; /* of the wait, while all signals are blocked; NULL: signals do not matter */
    uint64_t fingerprint; /* of the last look that found the client idle at the client, 0: none */
    int64_t pace;         /* real nanoseconds until the next look */
};
int64_t virtual_now(struct shared *shared);
int64_t deadline_in(struct shared *shared, int64_t remaining); /* NEVER for what lasts for ever */
void move_clock(struct shared *shared, int64_t nanoseconds);
int64_t leap_or_wait(struct shared *shared, struct waiter *own, int64_t deadline, struct decision *decision);

/* wait.c: a wait with a deadline, in virtual time */
bool signal_is_pending(const sigset_t *mask); /* one that interrupts a wait with that mask */
enum attempt { NOT_YET, OVER };
enum outcome { WAIT_OVER, WAIT_EXPIRED, WAIT_INTERRUPTED };
typedef enum attempt attempt_function(void *context, int64_t nanoseconds);

struct wait {
    int64_t deadline;          /* by the virtual clock */
    attempt_function *attempt; /* really waits for at most so long; NULL: there is nothing to wait for but time */
    void *context;
    const sigset_t **mask;     /* where an attempt takes the signals from that it keeps out; NULL: it takes none */
    bool grace_first;          /* really wait a moment before the first leap */
};
enum outcome wait_virtually(struct shared *shared, const struct wait *wait);

/* timers.c: timers of this process */
void forget_timer_of(int fd);
void forget_timers(void); /* in a child */

/* hooks_clock.c */
bool is_of_the_world(clockid_t clock);

/* hooks_wait.c */
int64_t left_until(const struct timespec *time, clockid_t clock); /* by that clock as the client sees it */
struct timespec machine_time_in(clockid_t clock, int64_t nanoseconds);
bool is_finite(const struct timespec *time, clockid_t clock); /* valid, and short enough to end */

#endif
