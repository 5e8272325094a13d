/* Hooks of the calls that sleep. */
#include "real.h"

#include <errno.h>
#include <unistd.h>

/* As clock_nanosleep: the error is returned. */
static int sleep_for(struct shared *shared, int64_t remaining, struct timespec *left) {
    int64_t deadline = deadline_in(shared, remaining);
    struct wait wait = {.deadline = deadline};
    if (wait_virtually(shared, &wait) != WAIT_INTERRUPTED) return 0;
    if (deadline != NEVER) remaining = deadline - virtual_now(shared);
    if (left != NULL) *left = as_timespec(remaining > 0 ? remaining : 0);
    return EINTR;
}

HOOK int clock_nanosleep(clockid_t clock, int flags, const struct timespec *requested, struct timespec *left) {
    struct shared *shared = attached();
    bool is_ours = clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC || clock == CLOCK_BOOTTIME || clock == CLOCK_TAI;
    if (shared == NULL || !is_ours || requested == NULL || !is_valid(requested))
        return real.clock_nanosleep(clock, flags, requested, left);
    if (!(flags & TIMER_ABSTIME)) return sleep_for(shared, as_nanoseconds(requested), left);
    struct timespec now;
    clock_gettime(clock, &now);
    int64_t remaining = as_nanoseconds(requested) - as_nanoseconds(&now);
    return remaining <= 0 ? 0 : sleep_for(shared, remaining, NULL);
}

HOOK int nanosleep(const struct timespec *requested, struct timespec *left) {
    int error = clock_nanosleep(CLOCK_MONOTONIC, 0, requested, left);
    if (error == 0) return 0;
    errno = error;
    return -1;
}

HOOK int usleep(useconds_t microseconds) {
    struct timespec requested = as_timespec(microseconds * MICROSECOND);
    return nanosleep(&requested, NULL);
}

HOOK unsigned sleep(unsigned seconds) {
    struct timespec requested = {.tv_sec = seconds}, left = {0};
    if (nanosleep(&requested, &left) == 0) return 0;
    return (unsigned)left.tv_sec + (left.tv_nsec >= SECOND / 2);
}
