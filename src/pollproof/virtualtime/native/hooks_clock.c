/* Hooks of the calls that read clocks. */
#include "real.h"

#include <errno.h>
#include <unistd.h>

bool is_of_the_world(clockid_t clock) {
    switch (clock) {
        case CLOCK_REALTIME:
        case CLOCK_REALTIME_COARSE:
        case CLOCK_REALTIME_ALARM:
        case CLOCK_MONOTONIC:
        case CLOCK_MONOTONIC_COARSE:
        case CLOCK_MONOTONIC_RAW:
        case CLOCK_BOOTTIME:
        case CLOCK_BOOTTIME_ALARM:
        case CLOCK_TAI:
            return true;
        default:
            return false; /* processor time is what it is */
    }
}

static int64_t offset(void) {
    /* Readable also between vfork and exec. */
    return attached_file == NULL ? 0 : atomic_load_explicit(&attached_file->offset, memory_order_relaxed);
}

static void move(struct timespec *time, int64_t by) {
    time->tv_sec += by / SECOND;
    time->tv_nsec += by % SECOND;
    if (time->tv_nsec < SECOND) return;
    time->tv_sec++;
    time->tv_nsec -= SECOND;
}

HOOK int clock_gettime(clockid_t clock, struct timespec *time) {
    be_ready();
    int result = real.clock_gettime(clock, time);
    if (result == 0 && is_of_the_world(clock)) move(time, offset());
    return result;
}

HOOK int timespec_get(struct timespec *time, int base) {
    be_ready();
    int result = real.timespec_get(time, base);
    if (result == TIME_UTC) move(time, offset());
    return result;
}

HOOK int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    be_ready();
    int result = real.gettimeofday(time, zone);
    if (result != 0 || time == NULL) return result;
    struct timespec moved = {.tv_sec = time->tv_sec, .tv_nsec = time->tv_usec * 1000};
    move(&moved, offset());
    time->tv_sec = moved.tv_sec;
    time->tv_usec = moved.tv_nsec / 1000;
    return 0;
}

HOOK time_t time(time_t *result) {
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    if (result != NULL) *result = now.tv_sec;
    return now.tv_sec;
}

HOOK clock_t times(struct tms *spent) {
    be_ready();
    clock_t ticks = real.times(spent);
    return ticks == (clock_t)-1 ? ticks : ticks + offset() / (SECOND / sysconf(_SC_CLK_TCK));
}

HOOK int sysinfo(struct sysinfo *info) {
    be_ready();
    int result = real.sysinfo(info);
    struct timespec since_start;
    if (result == 0 && clock_gettime(CLOCK_BOOTTIME, &since_start) == 0)
        info->uptime = since_start.tv_sec + (since_start.tv_nsec > 0); /* rounded up, as the kernel does */
    return result;
}
