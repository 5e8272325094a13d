/* Hooks of calls with a time of a clock that are not leapt over. They wait as long in real time as the client means:
 * without this they would wait for the machine's clock to reach a time of the virtual one. */
#include "real.h"

#include <mqueue.h>

/* The machine's time of that virtual one. */
static struct timespec machine_time(const struct timespec *time) {
    be_ready();
    struct shared *shared = attached();
    if (shared == NULL || !is_valid(time)) return *time;
    int64_t moved = as_nanoseconds(time);
    if (moved == NEVER) return *time;
    moved -= atomic_load(&shared->offset);
    return as_timespec(moved > 0 ? moved : 1);
}

HOOK int pthread_mutex_timedlock(pthread_mutex_t *restrict mutex, const struct timespec *restrict time) {
    struct timespec until = machine_time(time);
    return real.pthread_mutex_timedlock(mutex, &until);
}

HOOK int pthread_mutex_clocklock(pthread_mutex_t *restrict mutex, clockid_t clock,
                                 const struct timespec *restrict time) {
    struct timespec until = machine_time(time);
    return real.pthread_mutex_clocklock(mutex, clock, &until);
}

HOOK int pthread_rwlock_timedrdlock(pthread_rwlock_t *restrict lock, const struct timespec *restrict time) {
    struct timespec until = machine_time(time);
    return real.pthread_rwlock_timedrdlock(lock, &until);
}

HOOK int pthread_rwlock_timedwrlock(pthread_rwlock_t *restrict lock, const struct timespec *restrict time) {
    struct timespec until = machine_time(time);
    return real.pthread_rwlock_timedwrlock(lock, &until);
}

HOOK int pthread_timedjoin_np(pthread_t thread, void **result, const struct timespec *time) {
    if (time == NULL) return pthread_join(thread, result);
    struct timespec until = machine_time(time);
    return real.pthread_timedjoin_np(thread, result, &until);
}

HOOK ssize_t mq_timedreceive(mqd_t queue, char *restrict bytes, size_t length, unsigned *restrict priority,
                             const struct timespec *restrict time) {
    struct timespec until = machine_time(time);
    return real.mq_timedreceive(queue, bytes, length, priority, &until);
}

HOOK int timer_settime(timer_t timer, int flags, const struct itimerspec *restrict new,
                       struct itimerspec *restrict old) {
    struct itimerspec requested = *new;
    bool is_armed = requested.it_value.tv_sec != 0 || requested.it_value.tv_nsec != 0;
    be_ready();
    if ((flags & TIMER_ABSTIME) && is_armed) requested.it_value = machine_time(&new->it_value);
    return real.timer_settime(timer, flags, &requested, old);
}
