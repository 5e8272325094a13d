/* Timers of this process: alarms and timer descriptors. The kernel keeps them in real time. While a thread of the
 * process is in a wait, they take part in it: the clock leaps to them, and they are made to fire at once. */
#include "real.h"

#include <signal.h>
#include <unistd.h>

/* The alarm has no descriptor. */
#define ALARM (-2)
#define FREE (-1)
#define TIMERS 64

struct timer {
    _Atomic int fd;
    _Atomic int64_t due; /* by the virtual clock, NEVER: not armed */
    _Atomic int64_t interval;
};

static struct timer timers[TIMERS] = {[0 ... TIMERS - 1] = {.fd = FREE, .due = NEVER}};
static _Atomic int armed;

bool timers_are_armed(void) {
    return atomic_load(&armed) > 0;
}

static struct timer *timer_of(int fd) {
    for (int index = 0; index < TIMERS; index++)
        if (atomic_load(&timers[index].fd) == fd) return &timers[index];
    return NULL;
}

static struct timer *new_timer(int fd) {
    for (int index = 0; index < TIMERS; index++) {
        int nobody = FREE;
        if (atomic_compare_exchange_strong(&timers[index].fd, &nobody, fd)) return &timers[index];
    }
    return NULL;
}

static void set(struct timer *timer, int64_t due, int64_t interval) {
    atomic_store(&timer->interval, interval);
    int64_t before = atomic_exchange(&timer->due, due);
    atomic_fetch_add(&armed, (due != NEVER) - (before != NEVER));
}

static void forget(int fd) {
    struct timer *timer = atomic_load(&armed) > 0 ? timer_of(fd) : NULL;
    if (timer == NULL) return;
    set(timer, NEVER, 0);
    atomic_store(&timer->fd, FREE);
}

void forget_timer_of(int fd) {
    forget(fd);
}

void forget_alarm(void) {
    forget(ALARM);
}

int64_t nearest_timer(void) {
    if (!timers_are_armed()) return NEVER;
    int64_t nearest = NEVER;
    for (int index = 0; index < TIMERS; index++) {
        int64_t due = atomic_load(&timers[index].due);
        if (due < nearest) nearest = due;
    }
    return nearest;
}

static struct timeval as_timeval(int64_t nanoseconds) {
    return (struct timeval){.tv_sec = nanoseconds / SECOND, .tv_usec = nanoseconds % SECOND / MICROSECOND};
}

static int64_t timeval_nanoseconds(const struct timeval *time) {
    return time->tv_sec * SECOND + time->tv_usec * MICROSECOND;
}

/* The kernel's timer may have fired already, where real time has passed: then it is not armed any more. */
static void fire(int fd, int64_t interval) {
    if (fd == ALARM) {
        struct itimerval next = {.it_value = as_timeval(interval), .it_interval = as_timeval(interval)}, before = {0};
        real.setitimer(ITIMER_REAL, &next, &before);
        if (timeval_nanoseconds(&before.it_value) > 0) kill(getpid(), SIGALRM);
    } else {
        struct itimerspec at_once = {.it_value = {.tv_nsec = 1}, .it_interval = as_timespec(interval)}, before = {0};
        real.timerfd_gettime(fd, &before);
        if (as_nanoseconds(&before.it_value) > 0) real.timerfd_settime(fd, 0, &at_once, NULL);
    }
}

/* For one of the threads that find it due. */
static bool take(struct timer *timer, int64_t due, int64_t interval) {
    if (!atomic_compare_exchange_strong(&timer->due, &due, interval > 0 ? due + interval : NEVER)) return false;
    if (interval == 0) atomic_fetch_sub(&armed, 1);
    return true;
}

/* Whether there were any. */
bool fire_due_timers(int64_t now) {
    if (!timers_are_armed()) return false;
    bool fired = false;
    for (int index = 0; index < TIMERS; index++) {
        int fd = atomic_load(&timers[index].fd);
        int64_t due = atomic_load(&timers[index].due);
        int64_t interval = atomic_load(&timers[index].interval);
        if (fd == FREE || due > now || !take(&timers[index], due, interval)) continue;
        fire(fd, interval);
        fired = true;
    }
    return fired;
}

static int64_t remaining_of(struct shared *shared, const struct timer *timer) {
    int64_t due = timer == NULL ? NEVER : atomic_load(&timer->due);
    if (due == NEVER) return 0;
    int64_t remaining = due - virtual_now(shared);
    return remaining > 0 ? remaining : 1;
}

/* The kernel's timer is set to the real time, in case that no thread waits. */
static void remember(struct shared *shared, int fd, int64_t remaining, int64_t interval) {
    struct timer *timer = timer_of(fd);
    if (timer == NULL && remaining > 0) timer = new_timer(fd);
    if (timer != NULL) set(timer, remaining > 0 ? virtual_now(shared) + remaining : NEVER, interval);
}

HOOK int timerfd_settime(int fd, int flags, const struct itimerspec *new, struct itimerspec *old) {
    struct shared *shared = attached();
    if (shared == NULL || new == NULL) return real.timerfd_settime(fd, flags, new, old);
    struct itimerspec requested = *new;
    int64_t value = as_nanoseconds(&new->it_value), before = remaining_of(shared, timer_of(fd));
    bool is_absolute = (flags & TFD_TIMER_ABSTIME) && value > 0;
    if (is_absolute) {
        /* No timer shows its clock; but nobody's monotonic clock shows a year of this century. */
        struct timespec now;
        real.clock_gettime(CLOCK_REALTIME, &now);
        bool is_date = new->it_value.tv_sec > now.tv_sec / 2;
        int64_t remaining = value - atomic_load(&shared->offset) - (is_date ? as_nanoseconds(&now) : machine_now());
        value = remaining > 0 ? remaining : 1;
        requested.it_value = as_timespec(value);
        flags &= ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET);
    }
    int result = real.timerfd_settime(fd, flags, &requested, old);
    if (result != 0) return result;
    if (old != NULL && before > 0) old->it_value = as_timespec(before);
    remember(shared, fd, value, as_nanoseconds(&new->it_interval));
    return 0;
}

HOOK int timerfd_gettime(int fd, struct itimerspec *left) {
    struct shared *shared = attached();
    int result = real.timerfd_gettime(fd, left);
    int64_t remaining = shared == NULL ? 0 : remaining_of(shared, timer_of(fd));
    if (result == 0 && remaining > 0) left->it_value = as_timespec(remaining);
    return result;
}

HOOK int setitimer(__itimer_which_t which, const struct itimerval *restrict new, struct itimerval *restrict old) {
    struct shared *shared = attached();
    if (shared == NULL || which != ITIMER_REAL || new == NULL) return real.setitimer(which, new, old);
    int64_t before = remaining_of(shared, timer_of(ALARM));
    int result = real.setitimer(which, new, old);
    if (result != 0) return result;
    if (old != NULL && before > 0) old->it_value = as_timeval(before);
    remember(shared, ALARM, timeval_nanoseconds(&new->it_value), timeval_nanoseconds(&new->it_interval));
    return 0;
}

HOOK int getitimer(__itimer_which_t which, struct itimerval *left) {
    struct shared *shared = attached();
    int result = real.getitimer(which, left);
    int64_t remaining = shared == NULL || which != ITIMER_REAL ? 0 : remaining_of(shared, timer_of(ALARM));
    if (result == 0 && remaining > 0) left->it_value = as_timeval(remaining);
    return result;
}

HOOK unsigned alarm(unsigned seconds) {
    struct itimerval new = {.it_value = {.tv_sec = seconds}}, old = {0};
    setitimer(ITIMER_REAL, &new, &old);
    bool rounds_up = old.it_value.tv_usec >= 500000 || (old.it_value.tv_sec == 0 && old.it_value.tv_usec > 0);
    return (unsigned)old.it_value.tv_sec + rounds_up;
}
