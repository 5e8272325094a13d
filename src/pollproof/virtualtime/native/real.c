/* Finds the functions that the hooks stand before. */
#include "real.h"

#include <dlfcn.h>

struct real_functions real;

void find_real_functions(void) {
    struct real_functions found;
    /* An old glibc lacks some of them: NULL. The hook of such a function is never called. */
#define FIND(result, name, parameters) found.name = (result(*) parameters)dlsym(RTLD_NEXT, #name);
    REAL_FUNCTIONS(FIND)
#undef FIND
    real = found;
}

int64_t machine_now(void) {
    struct timespec now;
    be_ready();
    real.clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * SECOND + now.tv_nsec;
}

/* A system call that is not a cancellation point. Returns -1 and sets errno as libc does. */
long kernel_call(long number, long a, long b, long c, long d, long e, long f) {
    be_ready();
    return real.syscall(number, a, b, c, d, e, f);
}
