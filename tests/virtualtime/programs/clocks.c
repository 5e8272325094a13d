/* Reads each clock by libc and by a call of its own, before and after a wait, and ends with 1 where the two differ:
 * clocks SECONDS. It prints the time of day, and the nanoseconds that a reading took. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define TOLERANCE 2000000000 /* a rate makes moments longer */

static const int clocks[] = {0, 1, 4, 5, 6, 7, 8, 9, 11};

static long long number_of(struct timespec time) {
    if (time.tv_nsec < 0 || time.tv_nsec >= 1000000000) exit(2);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void compare(void) {
    for (unsigned index = 0; index < sizeof clocks / sizeof *clocks; index++) {
        struct timespec by_libc, by_call;
        struct timeval day;
        if (clock_gettime(clocks[index], &by_libc) != 0) continue;
        syscall(SYS_clock_gettime, clocks[index], &by_call); /* with the registers as they were left */
        long long difference = number_of(by_call) - number_of(by_libc);
        gettimeofday(&day, NULL);
        if (clocks[index] == 0) difference += (day.tv_sec - by_call.tv_sec) * 1000000000LL;
        if (clocks[index] == 0) difference += (time(NULL) - by_call.tv_sec) * 1000000000LL;
        if (difference >= -TOLERANCE && difference <= TOLERANCE) continue;
        fprintf(stderr, "clock %d: %lld ns apart\n", clocks[index], difference);
        exit(1);
    }
}

int main(int count, char **words) {
    struct timespec begun, now, used, pause = {.tv_sec = count > 1 ? atol(words[1]) : 1};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    compare();
    clock_gettime(CLOCK_MONOTONIC, &begun);
    nanosleep(&pause, NULL);
    clock_gettime(CLOCK_MONOTONIC, &now);
    compare();
    if (number_of(now) - number_of(begun) < pause.tv_sec * 1000000000LL || used.tv_sec > 10) return 3;
    if (clock_gettime(99, &now) != -1) return 4;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    for (int index = 0; index < 1000; index++) clock_gettime(CLOCK_MONOTONIC, &now);
    printf("%ld %lld\n", (long)time(NULL), (number_of(now) - number_of(begun)) / 1000);
    return 0;
}
