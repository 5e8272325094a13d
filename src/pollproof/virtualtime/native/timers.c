/* Timers of this process: alarms, timer descriptors and POSIX timers. The kernel keeps them in real time. A thread of
 * our own waits for the nearest of them among the waits of the client, and makes it fire when its virtual time has come,
 * whatever the other threads wait for. It is there while a timer is armed. */
#include "real.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

enum timer_kind { FREE, TAKEN, ALARM, DESCRIPTOR, POSIX };

#define TIMERS 64

struct timer {
    _Atomic int kind;
    _Atomic int64_t number;     /* of the descriptor, or the POSIX timer's */
    _Atomic int64_t due;        /* by the virtual clock, NEVER: not armed */
    _Atomic int64_t interval;
    _Atomic int signal;         /* to the process, 0: none */
    _Atomic int64_t kernel_due; /* by the machine's clock: when the kernel lets it expire by itself */
};

static struct timer timers[TIMERS] = {[0 ... TIMERS - 1] = {.due = NEVER}};
static _Atomic int timer_count;

static struct timer *timer_of(enum timer_kind kind, int64_t number) {
    for (int index = 0; index < TIMERS; index++)
        if (atomic_load(&timers[index].kind) == (int)kind && atomic_load(&timers[index].number) == number)
            return &timers[index];
    return NULL;
}

static struct timer *new_timer(enum timer_kind kind, int64_t number, int signal) {
    for (int index = 0; index < TIMERS; index++) {
        int nobody = FREE;
        if (!atomic_compare_exchange_strong(&timers[index].kind, &nobody, TAKEN)) continue;
        atomic_store(&timers[index].number, number);
        atomic_store(&timers[index].signal, signal);
        atomic_store(&timers[index].kind, kind);
        atomic_fetch_add(&timer_count, 1);
        return &timers[index];
    }
    return NULL;
}

static void forget(struct timer *timer) {
    if (timer == NULL) return;
    atomic_store(&timer->due, NEVER);
    if (atomic_exchange(&timer->kind, FREE) != FREE) atomic_fetch_sub(&timer_count, 1);
}

void forget_timer_of(int fd) {
    if (atomic_load(&timer_count) > 0 && attached() != NULL) forget(timer_of(DESCRIPTOR, fd));
}

static int64_t nearest_timer(void) {
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

/* Firing */

static void set_in_kernel(const struct timer *timer, int64_t value, int64_t interval) {
    struct itimerval alarm = {.it_value = as_timeval(value), .it_interval = as_timeval(interval)};
    struct itimerspec other = {.it_value = as_timespec(value), .it_interval = as_timespec(interval)};
    int64_t number = atomic_load(&timer->number);
    switch (atomic_load(&timer->kind)) {
        case ALARM:
            real.setitimer(ITIMER_REAL, &alarm, NULL);
            break;
        case DESCRIPTOR:
            real.timerfd_settime((int)number, 0, &other, NULL);
            break;
        case POSIX:
            real.timer_settime((timer_t)(intptr_t)number, 0, &other, NULL);
            break;
    }
}

static int64_t left_in_kernel(const struct timer *timer) {
    struct itimerval alarm = {0};
    struct itimerspec other = {0};
    int64_t number = atomic_load(&timer->number);
    switch (atomic_load(&timer->kind)) {
        case ALARM:
            real.getitimer(ITIMER_REAL, &alarm);
            return timeval_nanoseconds(&alarm.it_value);
        case DESCRIPTOR:
            real.timerfd_gettime((int)number, &other);
            break;
        case POSIX:
            real.timer_gettime((timer_t)(intptr_t)number, &other);
            break;
    }
    return as_nanoseconds(&other.it_value);
}

#define LONGEST_DELIVERY (20 * MILLISECOND)

/* A thread that is woken in another way before it has taken the signal does not learn that its wait was interrupted. */
static void await_delivery(int signal) {
    struct timespec moment = {.tv_nsec = 50 * MICROSECOND};
    int64_t end = machine_now() + LONGEST_DELIVERY;
    sigset_t pending;
    while (signal != 0 && sigpending(&pending) == 0 && sigismember(&pending, signal) == 1 && machine_now() < end)
        real.clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, NULL);
}

#define AT_ONCE MICROSECOND
#define LONGEST_FIRING MILLISECOND

/* Where real time has passed, it has expired by itself. */
static void fire(struct timer *timer, int64_t interval) {
    int64_t now = machine_now();
    if (now >= atomic_load(&timer->kernel_due)) {
        atomic_store(&timer->kernel_due, interval > 0 ? atomic_load(&timer->kernel_due) + interval : NEVER);
        return;
    }
    atomic_store(&timer->kernel_due, interval > 0 ? now + AT_ONCE + interval : NEVER);
    set_in_kernel(timer, AT_ONCE, interval);
    int64_t left;
    do left = left_in_kernel(timer);
    while (left > 0 && left <= AT_ONCE && machine_now() < now + LONGEST_FIRING);
    await_delivery(atomic_load(&timer->signal));
}

static void fire_due_timers(void) {
    int64_t now = virtual_now(attached_file);
    for (int index = 0; index < TIMERS; index++) {
        struct timer *timer = &timers[index];
        int64_t due = atomic_load(&timer->due), interval = atomic_load(&timer->interval);
        if (due > now) continue;
        int64_t next = interval > 0 ? due + interval : NEVER;
        if (atomic_compare_exchange_strong(&timer->due, &due, next)) fire(timer, interval);
    }
}

/* The thread */

#define LINGERING 50 * MILLISECOND /* without an armed timer, before it ends */

static _Atomic bool has_keeper;
static _Atomic uint32_t changes; /* a futex, counted up when a timer is set */

/* What is due is fired before the thread leaves the table of waiters, which wakes another: a signal would not end the
 * wait of one that has been woken already. */
static enum attempt wait_for_change(void *context, int64_t nanoseconds) {
    uint32_t heard = *(uint32_t *)context;
    struct timespec moment = as_timespec(nanoseconds);
    if (nanoseconds == 0) fire_due_timers();
    else kernel_call(SYS_futex, (long)&changes, FUTEX_WAIT_PRIVATE, heard, (long)&moment, 0, 0);
    return atomic_load(&changes) == heard ? NOT_YET : OVER;
}

static void *keep_timers(void *argument) {
    struct shared *shared = argument;
    for (;;) {
        uint32_t heard = atomic_load(&changes);
        struct wait wait = {.deadline = nearest_timer(), .attempt = wait_for_change, .context = &heard};
        if (wait.deadline != NEVER) wait_virtually(shared, &wait);
        else if (wait_for_change(&heard, LINGERING) == NOT_YET) {
            atomic_store(&has_keeper, false);
            if (nearest_timer() == NEVER || atomic_exchange(&has_keeper, true)) return NULL;
        }
    }
}

/* Signals are for the threads of the program. */
static void start_keeper(struct shared *shared) {
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&thread, &attributes, keep_timers, shared) != 0) atomic_store(&has_keeper, false);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
}

static void note_change(struct shared *shared) {
    atomic_fetch_add(&changes, 1);
    if (!atomic_exchange(&has_keeper, true)) start_keeper(shared);
    else kernel_call(SYS_futex, (long)&changes, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
}

/* Alarms and POSIX timers are not inherited, and descriptors are the parent's as well, which keeps them. */
void forget_timers(void) {
    for (int index = 0; index < TIMERS; index++) forget(&timers[index]);
    atomic_store(&has_keeper, false);
}

/* Hooks */

static int64_t remaining_of(struct shared *shared, const struct timer *timer) {
    int64_t due = timer == NULL ? NEVER : atomic_load(&timer->due);
    if (due == NEVER) return 0;
    int64_t remaining = due - virtual_now(shared);
    return remaining > 0 ? remaining : 1;
}

/* The kernel's timer has been set to the real time. 0 disarms. */
static void remember(struct shared *shared, struct timer *timer, int64_t remaining, int64_t interval) {
    if (timer == NULL) return;
    int before = errno;
    bool is_armed = remaining > 0 && remaining < FOREVER, was_armed = atomic_load(&timer->due) != NEVER;
    atomic_store(&timer->interval, interval);
    atomic_store(&timer->kernel_due, is_armed ? machine_now() + remaining : NEVER);
    atomic_store(&timer->due, is_armed ? virtual_now(shared) + remaining : NEVER);
    if (is_armed || was_armed) note_change(shared);
    errno = before;
}

/* What is left until a time of a clock that no timer shows. But nobody's monotonic clock shows a year of this century. */
static int64_t left_until_moment(struct shared *shared, const struct timespec *moment) {
    struct timespec now;
    real.clock_gettime(CLOCK_REALTIME, &now);
    bool is_date = moment->tv_sec > now.tv_sec / 2;
    int64_t machine = is_date ? as_nanoseconds(&now) : machine_now();
    int64_t remaining = as_nanoseconds(moment) - atomic_load(&shared->offset) - machine;
    return remaining > 0 ? remaining : 1;
}

HOOK int timerfd_settime(int fd, int flags, const struct itimerspec *new, struct itimerspec *old) {
    struct shared *shared = attached();
    if (shared == NULL || new == NULL) return real.timerfd_settime(fd, flags, new, old);
    struct itimerspec requested = *new;
    struct timer *timer = timer_of(DESCRIPTOR, fd);
    int64_t value = as_nanoseconds(&new->it_value), before = remaining_of(shared, timer);
    if ((flags & TFD_TIMER_ABSTIME) && value > 0) {
        value = left_until_moment(shared, &new->it_value);
        requested.it_value = as_timespec(value);
        flags &= ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET);
    }
    int result = real.timerfd_settime(fd, flags, &requested, old);
    if (result != 0) return result;
    if (old != NULL && before > 0) old->it_value = as_timespec(before);
    if (timer == NULL && value > 0) timer = new_timer(DESCRIPTOR, fd, 0);
    remember(shared, timer, value, as_nanoseconds(&new->it_interval));
    return 0;
}

HOOK int timerfd_gettime(int fd, struct itimerspec *left) {
    struct shared *shared = attached();
    int result = real.timerfd_gettime(fd, left);
    int64_t remaining = shared == NULL ? 0 : remaining_of(shared, timer_of(DESCRIPTOR, fd));
    if (result == 0 && remaining > 0) left->it_value = as_timespec(remaining);
    return result;
}

HOOK int setitimer(__itimer_which_t which, const struct itimerval *restrict new, struct itimerval *restrict old) {
    struct shared *shared = attached();
    if (shared == NULL || which != ITIMER_REAL || new == NULL) return real.setitimer(which, new, old);
    struct timer *timer = timer_of(ALARM, 0);
    int64_t value = timeval_nanoseconds(&new->it_value), before = remaining_of(shared, timer);
    int result = real.setitimer(which, new, old);
    if (result != 0) return result;
    if (old != NULL && before > 0) old->it_value = as_timeval(before);
    if (timer == NULL && value > 0) timer = new_timer(ALARM, 0, SIGALRM);
    remember(shared, timer, value, timeval_nanoseconds(&new->it_interval));
    return 0;
}

HOOK int getitimer(__itimer_which_t which, struct itimerval *left) {
    struct shared *shared = attached();
    int result = real.getitimer(which, left);
    int64_t remaining = shared == NULL || which != ITIMER_REAL ? 0 : remaining_of(shared, timer_of(ALARM, 0));
    if (result == 0 && remaining > 0) left->it_value = as_timeval(remaining);
    return result;
}

HOOK unsigned alarm(unsigned seconds) {
    struct itimerval new = {.it_value = {.tv_sec = seconds}}, old = {0};
    setitimer(ITIMER_REAL, &new, &old);
    bool rounds_up = old.it_value.tv_usec >= 500000 || (old.it_value.tv_sec == 0 && old.it_value.tv_usec > 0);
    return (unsigned)old.it_value.tv_sec + rounds_up;
}

/* Those of processor time keep it. */
HOOK int timer_create(clockid_t clock, struct sigevent *restrict event, timer_t *restrict timer) {
    struct shared *shared = attached();
    int result = real.timer_create(clock, event, timer);
    int signal = event == NULL ? SIGALRM : event->sigev_notify == SIGEV_SIGNAL ? event->sigev_signo : 0;
    if (result == 0 && shared != NULL && is_of_the_world(clock)) new_timer(POSIX, (intptr_t)*timer, signal);
    return result;
}

HOOK int timer_settime(timer_t number, int flags, const struct itimerspec *restrict new,
                       struct itimerspec *restrict old) {
    struct shared *shared = attached();
    struct timer *timer = shared == NULL || new == NULL ? NULL : timer_of(POSIX, (intptr_t)number);
    if (timer == NULL) return real.timer_settime(number, flags, new, old);
    struct itimerspec requested = *new;
    int64_t value = as_nanoseconds(&new->it_value), before = remaining_of(shared, timer);
    if ((flags & TIMER_ABSTIME) && value > 0) {
        value = left_until_moment(shared, &new->it_value);
        requested.it_value = as_timespec(value);
    }
    int result = real.timer_settime(number, 0, &requested, old);
    if (result != 0) return result;
    if (old != NULL && before > 0) old->it_value = as_timespec(before);
    remember(shared, timer, value, as_nanoseconds(&new->it_interval));
    return 0;
}

HOOK int timer_gettime(timer_t number, struct itimerspec *left) {
    struct shared *shared = attached();
    int result = real.timer_gettime(number, left);
    int64_t remaining = shared == NULL ? 0 : remaining_of(shared, timer_of(POSIX, (intptr_t)number));
    if (result == 0 && remaining > 0) left->it_value = as_timespec(remaining);
    return result;
}

HOOK int timer_delete(timer_t number) {
    struct shared *shared = attached();
    if (shared != NULL) forget(timer_of(POSIX, (intptr_t)number));
    return real.timer_delete(number);
}
