/* Reads the time of day so often, which goes through the supervisor: clock_calls COUNT. It prints the nanoseconds that a
 * reading took. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

int main(int count, char **words) {
    struct timespec first, time;
    struct timeval day;
    long calls = count > 1 ? atol(words[1]) : 1;
    clock_gettime(CLOCK_MONOTONIC, &first);
    for (long call = 0; call < calls; call++) gettimeofday(&day, NULL);
    clock_gettime(CLOCK_MONOTONIC, &time);
    printf("%f\n", ((double)(time.tv_sec - first.tv_sec) * 1e9 + (double)(time.tv_nsec - first.tv_nsec)) / (double)calls);
    return 0;
}
