/* Hooks of the calls that wait for something, with a deadline. */
#include "real.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_epoll_pwait2 /* headers before Linux 5.11 */
#define SYS_epoll_pwait2 441
#endif

static int64_t deadline_in_milliseconds(struct shared *shared, int milliseconds) {
    return milliseconds < 0 ? NEVER : deadline_in(shared, milliseconds * MILLISECOND);
}

static int64_t deadline_in_timespec(struct shared *shared, const struct timespec *time) {
    return time == NULL ? NEVER : deadline_in(shared, as_nanoseconds(time));
}

/* Calls that only look, and those that nothing but an event can end, are not waits with a deadline. */
static bool is_needed(struct shared *shared, int64_t deadline, bool at_once) {
    return shared != NULL && !at_once && deadline != NEVER;
}

static int interrupted(void) {
    errno = EINTR;
    return -1;
}

static int finish(enum outcome outcome, int result, int expired) {
    if (outcome == WAIT_INTERRUPTED) return interrupted();
    return outcome == WAIT_OVER ? result : expired;
}

/* poll, and epoll by way of poll: an epoll descriptor is readable when it has events */

struct polling {
    struct pollfd *files;
    nfds_t count;
    const sigset_t *mask;
    int result;
};

static enum attempt try_poll(void *context, int64_t nanoseconds) {
    struct polling *polling = context;
    struct timespec moment = as_timespec(nanoseconds);
    polling->result = real.ppoll(polling->files, polling->count, &moment, polling->mask);
    return polling->result == 0 ? NOT_YET : OVER;
}

static int poll_until(struct shared *shared, int64_t deadline, struct polling *polling) {
    struct wait wait = {.deadline = deadline, .attempt = try_poll, .context = polling};
    if (polling->count == 0 && polling->mask == NULL) wait.attempt = NULL; /* it is but a way to sleep */
    else wait.mask = &polling->mask;
    enum outcome outcome = wait_virtually(shared, &wait);
    return finish(outcome, polling->result, 0);
}

HOOK int ppoll(struct pollfd *files, nfds_t count, const struct timespec *time, const sigset_t *mask) {
    struct shared *shared = attached();
    if (shared == NULL || (time != NULL && !is_valid(time))) return real.ppoll(files, count, time, mask);
    int64_t deadline = deadline_in_timespec(shared, time);
    bool at_once = time != NULL && as_nanoseconds(time) == 0;
    if (!is_needed(shared, deadline, at_once)) return real.ppoll(files, count, time, mask);
    struct polling polling = {.files = files, .count = count, .mask = mask};
    return poll_until(shared, deadline, &polling);
}

HOOK int poll(struct pollfd *files, nfds_t count, int milliseconds) {
    struct timespec time = as_timespec(milliseconds < 0 ? 0 : milliseconds * MILLISECOND);
    return ppoll(files, count, milliseconds < 0 ? NULL : &time, NULL);
}

struct event_polling {
    struct polling polling;
    struct pollfd file;
    struct epoll_event *events;
    int size;
    int result;
};

static enum attempt try_epoll(void *context, int64_t nanoseconds) {
    struct event_polling *waiting = context;
    if (nanoseconds > 0) {
        if (try_poll(&waiting->polling, nanoseconds) == NOT_YET) return NOT_YET;
        waiting->result = waiting->polling.result;
        if (waiting->result < 0) return OVER;
    }
    waiting->result = real.epoll_pwait(waiting->file.fd, waiting->events, waiting->size, 0, waiting->polling.mask);
    return waiting->result == 0 ? NOT_YET : OVER;
}

static int epoll_until(struct shared *shared, int64_t deadline, int epoll, struct epoll_event *events, int size,
                       const sigset_t *mask) {
    struct event_polling waiting = {.file = {.fd = epoll, .events = POLLIN}, .events = events, .size = size};
    waiting.polling = (struct polling){.files = &waiting.file, .count = 1, .mask = mask};
    struct wait wait = {.deadline = deadline, .attempt = try_epoll, .context = &waiting};
    wait.mask = &waiting.polling.mask;
    enum outcome outcome = wait_virtually(shared, &wait);
    return finish(outcome, waiting.result, 0);
}

HOOK int epoll_pwait(int epoll, struct epoll_event *events, int size, int milliseconds, const sigset_t *mask) {
    struct shared *shared = attached();
    int64_t deadline = shared == NULL ? NEVER : deadline_in_milliseconds(shared, milliseconds);
    if (!is_needed(shared, deadline, milliseconds == 0))
        return real.epoll_pwait(epoll, events, size, milliseconds, mask);
    return epoll_until(shared, deadline, epoll, events, size, mask);
}

HOOK int epoll_wait(int epoll, struct epoll_event *events, int size, int milliseconds) {
    return epoll_pwait(epoll, events, size, milliseconds, NULL);
}

HOOK int epoll_pwait2(int epoll, struct epoll_event *events, int size, const struct timespec *time,
                      const sigset_t *mask) {
    struct shared *shared = attached();
    int64_t deadline = shared == NULL ? NEVER : deadline_in_timespec(shared, time);
    bool at_once = time != NULL && as_nanoseconds(time) == 0;
    if (!is_needed(shared, deadline, at_once) || (time != NULL && !is_valid(time)))
        return (int)kernel_call(SYS_epoll_pwait2, epoll, (long)events, size, (long)time, (long)mask, _NSIG / 8);
    return epoll_until(shared, deadline, epoll, events, size, mask);
}

/* select: the sets are both request and result, so every attempt takes a copy */

enum { READABLE, WRITABLE, EXCEPTIONAL, SETS };

struct selecting {
    int count;
    size_t bytes;
    fd_set *sets[SETS];
    const sigset_t *mask;
    int result;
};

static enum attempt try_select(void *context, int64_t nanoseconds) {
    struct selecting *selecting = context;
    struct timespec moment = as_timespec(nanoseconds);
    char copies[SETS][selecting->bytes + 1];
    fd_set *requested[SETS];
    for (int set = 0; set < SETS; set++) {
        requested[set] = selecting->sets[set] == NULL ? NULL : (fd_set *)copies[set];
        if (requested[set] != NULL) memcpy(copies[set], selecting->sets[set], selecting->bytes);
    }
    int result = real.pselect(selecting->count, requested[READABLE], requested[WRITABLE], requested[EXCEPTIONAL],
                              &moment, selecting->mask);
    selecting->result = result;
    if (result == 0) return NOT_YET;
    for (int set = 0; set < SETS && result > 0; set++)
        if (requested[set] != NULL) memcpy(selecting->sets[set], copies[set], selecting->bytes);
    return OVER;
}

static int select_until(struct shared *shared, int64_t deadline, struct selecting *selecting) {
    struct wait wait = {.deadline = deadline, .attempt = try_select, .context = selecting};
    if (selecting->count == 0 && selecting->mask == NULL) wait.attempt = NULL;
    else wait.mask = &selecting->mask;
    enum outcome outcome = wait_virtually(shared, &wait);
    if (outcome == WAIT_EXPIRED)
        for (int set = 0; set < SETS; set++)
            if (selecting->sets[set] != NULL) memset(selecting->sets[set], 0, selecting->bytes);
    return finish(outcome, selecting->result, 0);
}

#define LARGEST_SELECT 8192
#define BITS_OF_A_WORD (8 * sizeof(long))

static struct selecting selecting_of(int count, fd_set *readable, fd_set *writable, fd_set *exceptional,
                                     const sigset_t *mask) {
    size_t words = ((size_t)count + BITS_OF_A_WORD - 1) / BITS_OF_A_WORD;
    return (struct selecting){
        .count = count, .bytes = words * sizeof(long), .sets = {readable, writable, exceptional}, .mask = mask};
}

HOOK int pselect(int count, fd_set *restrict readable, fd_set *restrict writable, fd_set *restrict exceptional,
                 const struct timespec *restrict time, const sigset_t *restrict mask) {
    struct shared *shared = attached();
    int64_t deadline = shared == NULL ? NEVER : deadline_in_timespec(shared, time);
    bool at_once = time != NULL && as_nanoseconds(time) == 0;
    bool is_odd = count < 0 || count > LARGEST_SELECT || (time != NULL && !is_valid(time));
    if (is_odd || !is_needed(shared, deadline, at_once))
        return real.pselect(count, readable, writable, exceptional, time, mask);
    struct selecting selecting = selecting_of(count, readable, writable, exceptional, mask);
    return select_until(shared, deadline, &selecting);
}

HOOK int select(int count, fd_set *restrict readable, fd_set *restrict writable, fd_set *restrict exceptional,
                struct timeval *restrict time) {
    if (time == NULL) return pselect(count, readable, writable, exceptional, NULL, NULL);
    if (time->tv_sec < 0 || time->tv_usec < 0) {
        errno = EINVAL;
        return -1;
    }
    /* More than a million microseconds are lawful here. */
    struct timespec requested = {.tv_sec = time->tv_sec + time->tv_usec / 1000000,
                                 .tv_nsec = time->tv_usec % 1000000 * 1000};
    struct timespec begun, ended;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    int result = pselect(count, readable, writable, exceptional, &requested, NULL);
    int error = errno;
    clock_gettime(CLOCK_MONOTONIC, &ended);
    int64_t left = as_nanoseconds(&requested) - (as_nanoseconds(&ended) - as_nanoseconds(&begun));
    if (left < 0 || result == 0) left = 0;
    /* Linux returns the time that was left. */
    time->tv_sec = left / SECOND;
    time->tv_usec = left % SECOND / MICROSECOND;
    errno = error;
    return result;
}

/* Semaphores, conditions and futexes: deadlines are times of a clock */

int64_t left_until(const struct timespec *time, clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    int64_t left = as_nanoseconds(time) - as_nanoseconds(&now);
    return left > 0 ? left : 0;
}

struct timespec machine_time_in(clockid_t clock, int64_t nanoseconds) {
    struct timespec now;
    real.clock_gettime(clock, &now);
    return as_timespec(as_nanoseconds(&now) + nanoseconds);
}

bool is_finite(const struct timespec *time, clockid_t clock) {
    return is_valid(time) && left_until(time, clock) < FOREVER;
}

struct semaphore_wait {
    sem_t *semaphore;
    int result;
};

static enum attempt try_semaphore(void *context, int64_t nanoseconds) {
    struct semaphore_wait *waiting = context;
    if (nanoseconds == 0) {
        waiting->result = real.sem_trywait(waiting->semaphore);
        return waiting->result != 0 && errno == EAGAIN ? NOT_YET : OVER;
    }
    struct timespec until = machine_time_in(CLOCK_REALTIME, nanoseconds);
    waiting->result = real.sem_timedwait(waiting->semaphore, &until);
    return waiting->result != 0 && errno == ETIMEDOUT ? NOT_YET : OVER;
}

static int semaphore_until(struct shared *shared, sem_t *semaphore, const struct timespec *time, clockid_t clock) {
    struct semaphore_wait waiting = {.semaphore = semaphore};
    int64_t deadline = deadline_in(shared, left_until(time, clock));
    struct wait wait = {.deadline = deadline, .attempt = try_semaphore, .context = &waiting};
    enum outcome outcome = wait_virtually(shared, &wait);
    if (outcome == WAIT_EXPIRED) errno = ETIMEDOUT;
    return finish(outcome, waiting.result, -1);
}

HOOK int sem_clockwait(sem_t *restrict semaphore, clockid_t clock, const struct timespec *restrict time) {
    struct shared *shared = attached();
    bool is_known = clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC;
    if (shared == NULL || !is_known || !is_finite(time, clock)) return real.sem_clockwait(semaphore, clock, time);
    return semaphore_until(shared, semaphore, time, clock);
}

HOOK int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict time) {
    struct shared *shared = attached();
    if (shared == NULL || !is_finite(time, CLOCK_REALTIME)) return real.sem_timedwait(semaphore, time);
    return semaphore_until(shared, semaphore, time, CLOCK_REALTIME);
}

/* Between two moments of a wait the waiter is not on the condition, and a signal given then is lost on it. So signals
 * are counted: a waiter that finds that there was one returns, as if woken for no reason, which every waiter must bear.
 */
#define CONDITIONS 256
static _Atomic uint32_t signals[CONDITIONS];

static _Atomic uint32_t *signals_of(const pthread_cond_t *condition) {
    uintptr_t address = (uintptr_t)condition / sizeof(pthread_cond_t);
    return &signals[(address ^ address >> 8) % CONDITIONS];
}

HOOK int pthread_cond_signal(pthread_cond_t *condition) {
    be_ready();
    atomic_fetch_add(signals_of(condition), 1);
    return real.pthread_cond_signal(condition);
}

HOOK int pthread_cond_broadcast(pthread_cond_t *condition) {
    be_ready();
    atomic_fetch_add(signals_of(condition), 1);
    return real.pthread_cond_broadcast(condition);
}

struct condition_wait {
    pthread_cond_t *condition;
    pthread_mutex_t *mutex;
    clockid_t clock;
    bool names_clock; /* the clock comes with the call, not with the condition */
    uint32_t signals;
    int result;
};

static int really_wait(const struct condition_wait *waiting, const struct timespec *until) {
    if (waiting->names_clock)
        return real.pthread_cond_clockwait(waiting->condition, waiting->mutex, waiting->clock, until);
    return real.pthread_cond_timedwait(waiting->condition, waiting->mutex, until);
}

static enum attempt try_condition(void *context, int64_t nanoseconds) {
    struct condition_wait *waiting = context;
    if (nanoseconds > 0) {
        struct timespec until = machine_time_in(waiting->clock, nanoseconds);
        waiting->result = really_wait(waiting, &until);
        if (waiting->result != ETIMEDOUT) return OVER;
    }
    waiting->result = 0;
    return atomic_load(signals_of(waiting->condition)) != waiting->signals ? OVER : NOT_YET;
}

static int condition_until(struct shared *shared, struct condition_wait *waiting, const struct timespec *time) {
    int64_t remaining = is_valid(time) ? left_until(time, waiting->clock) : 0;
    if (shared == NULL || remaining == 0 || remaining >= FOREVER) return really_wait(waiting, time);
    waiting->signals = atomic_load(signals_of(waiting->condition));
    struct wait wait = {.deadline = deadline_in(shared, remaining), .attempt = try_condition, .context = waiting};
    wait.grace_first = true; /* others need the mutex */
    for (;;) {
        switch (wait_virtually(shared, &wait)) {
            case WAIT_OVER:
                return waiting->result;
            case WAIT_EXPIRED:
                return ETIMEDOUT;
            case WAIT_INTERRUPTED:
                continue; /* a signal does not end this wait */
        }
    }
}

HOOK int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                                const struct timespec *restrict time) {
    struct shared *shared = attached();
    /* The condition knows its clock, and does not show it. But no monotonic clock shows a year of this century. */
    struct timespec now;
    real.clock_gettime(CLOCK_REALTIME, &now);
    clockid_t clock = time->tv_sec > now.tv_sec / 2 ? CLOCK_REALTIME : CLOCK_MONOTONIC;
    struct condition_wait waiting = {.condition = condition, .mutex = mutex, .clock = clock};
    return condition_until(shared, &waiting, time);
}

HOOK int pthread_cond_clockwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex, clockid_t clock,
                                const struct timespec *restrict time) {
    struct shared *shared = attached();
    struct condition_wait waiting = {.condition = condition, .mutex = mutex, .clock = clock, .names_clock = true};
    return condition_until(shared, &waiting, time);
}

/* signals */

struct signal_wait {
    const sigset_t *set;
    siginfo_t *information;
    int result;
};

static enum attempt try_signal(void *context, int64_t nanoseconds) {
    struct signal_wait *waiting = context;
    struct timespec moment = as_timespec(nanoseconds);
    waiting->result = real.sigtimedwait(waiting->set, waiting->information, &moment);
    return waiting->result < 0 && errno == EAGAIN ? NOT_YET : OVER;
}

HOOK int sigtimedwait(const sigset_t *restrict set, siginfo_t *restrict information,
                      const struct timespec *restrict time) {
    struct shared *shared = attached();
    if (shared == NULL || time == NULL || !is_valid(time) || as_nanoseconds(time) >= FOREVER)
        return real.sigtimedwait(set, information, time);
    struct signal_wait waiting = {.set = set, .information = information};
    struct wait wait = {.deadline = deadline_in_timespec(shared, time), .attempt = try_signal, .context = &waiting};
    enum outcome outcome = wait_virtually(shared, &wait);
    if (outcome == WAIT_EXPIRED) errno = EAGAIN;
    return finish(outcome, waiting.result, -1);
}

/* Runtimes that use futexes themselves (Rust's standard library) do so through syscall(). */

struct futex_wait {
    long arguments[6];
    long result;
};

static enum attempt try_futex(void *context, int64_t nanoseconds) {
    struct futex_wait *waiting = context;
    struct timespec moment = as_timespec(nanoseconds);
    const long *given = waiting->arguments;
    /* By the monotonic clock from now, whichever it was. */
    struct timespec until = machine_time_in(CLOCK_MONOTONIC, nanoseconds);
    bool is_bitset = (given[1] & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET;
    long operation = given[1] & ~(long)FUTEX_CLOCK_REALTIME;
    const struct timespec *time = is_bitset ? &until : &moment;
    waiting->result = real.syscall(SYS_futex, given[0], operation, given[2], time, given[4], given[5]);
    return waiting->result != 0 && errno == ETIMEDOUT ? NOT_YET : OVER;
}

static long futex_until(struct shared *shared, const long arguments[6], int64_t remaining) {
    struct futex_wait waiting = {.result = 0};
    memcpy(waiting.arguments, arguments, sizeof waiting.arguments);
    struct wait wait = {.deadline = deadline_in(shared, remaining), .attempt = try_futex, .context = &waiting};
    enum outcome outcome = wait_virtually(shared, &wait);
    if (outcome == WAIT_OVER) return waiting.result;
    errno = outcome == WAIT_EXPIRED ? ETIMEDOUT : EINTR;
    return -1;
}

HOOK long syscall(long number, ...) {
    long given[6];
    va_list arguments;
    va_start(arguments, number);
    for (int index = 0; index < 6; index++) given[index] = va_arg(arguments, long);
    va_end(arguments);
    be_ready();
    long operation = given[1] & FUTEX_CMD_MASK;
    const struct timespec *time = (const struct timespec *)given[3];
    bool is_wait = number == SYS_futex && (operation == FUTEX_WAIT || operation == FUTEX_WAIT_BITSET) && time != NULL;
    struct shared *shared = is_wait && is_valid(time) ? attached() : NULL;
    if (shared == NULL) return real.syscall(number, given[0], given[1], given[2], given[3], given[4], given[5]);
    int64_t remaining = as_nanoseconds(time);
    if (operation == FUTEX_WAIT_BITSET)
        remaining = left_until(time, given[1] & FUTEX_CLOCK_REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC);
    if (remaining >= FOREVER)
        return real.syscall(number, given[0], given[1], given[2], given[3], given[4], given[5]);
    return futex_until(shared, given, remaining);
}
