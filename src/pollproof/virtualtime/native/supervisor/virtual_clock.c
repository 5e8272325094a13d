/* The virtual clock as the program reads it. */
#include "supervisor.h"

#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <unistd.h>

int64_t machine_clock(int clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec * SECOND + time.tv_nsec;
}

int64_t machine_now(void) {
    return machine_clock(CLOCK_MONOTONIC);
}

/* With a rate the offset grows by itself. */
static void let_clock_run(void) {
    static int64_t last;
    int64_t machine = machine_now();
    if (last != 0) atomic_fetch_add(&clock_file->offset, (int64_t)((double)(machine - last) * (clock_rate - 1)));
    last = machine;
}

int64_t now(void) {
    if (clock_rate != 1) let_clock_run();
    return machine_now() + atomic_load(&clock_file->offset);
}

/* A machine without a clock of its own has none that wakes it. */
bool is_moved(int clock) {
    if (clock == CLOCK_REALTIME_ALARM || clock == CLOCK_BOOTTIME_ALARM) return clock_getres(clock, NULL) == 0;
    return clock >= 0 && clock <= CLOCK_TAI && clock != CLOCK_PROCESS_CPUTIME_ID && clock != CLOCK_THREAD_CPUTIME_ID;
}

static int64_t shift_of(int clock) {
    bool is_date = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_TAI ||
                   clock == CLOCK_REALTIME_ALARM;
    return is_date ? atomic_load(&clock_file->date_shift) : 0;
}

static int64_t clock_now(int clock) {
    if (clock_rate != 1) let_clock_run();
    return machine_clock(clock) + atomic_load(&clock_file->offset) + shift_of(clock);
}

int64_t deadline_after(int64_t nanoseconds) {
    return nanoseconds >= FOREVER ? NEVER : now() + nanoseconds;
}

int64_t deadline_at(int clock, int64_t nanoseconds) {
    int64_t remaining = nanoseconds - clock_now(clock);
    return remaining >= FOREVER ? NEVER : now() + remaining;
}

int64_t real_time_until(int64_t deadline) {
    if (deadline == NEVER) return NEVER;
    int64_t left = deadline - now();
    if (left <= 0) return 0;
    return clock_rate == 1 ? left : (int64_t)((double)left / clock_rate) + 1;
}

/* Moves the clock to exactly that time, unless it is past it or may not go so far. */
void leap_to(int64_t deadline) {
    int64_t offset = atomic_load(&clock_file->offset), target;
    do {
        target = deadline - machine_now();
        if (target <= offset || target > atomic_load(&clock_file->limit)) return;
    } while (!atomic_compare_exchange_weak(&clock_file->offset, &offset, target));
    atomic_store(&clock_file->last_target, deadline);
    atomic_store(&clock_file->leapt_at, machine_now());
    atomic_fetch_add(&clock_file->leapt, target - offset);
    atomic_fetch_add(&clock_file->leaps, 1);
}

void move_clock_by(int64_t nanoseconds) {
    atomic_fetch_add(&clock_file->offset, nanoseconds);
    wake_provider();
}

/* The earliest time for which the provider waits. While a due one is there the clock stays where it is. */
int64_t provider_deadline(void) {
    int64_t earliest = NEVER;
    uint32_t used = atomic_load(&clock_file->waiters_used);
    for (uint32_t index = 0; index < used; index++) {
        struct waiter *waiter = &clock_file->waiters[index];
        if (atomic_load(&waiter->pid) <= 0) continue;
        int64_t deadline = atomic_load(&waiter->deadline);
        if (deadline < earliest) earliest = deadline;
    }
    return earliest;
}

void wake_provider(void) {
    uint32_t used = atomic_load(&clock_file->waiters_used);
    for (uint32_t index = 0; index < used; index++) {
        struct waiter *waiter = &clock_file->waiters[index];
        if (atomic_load(&waiter->pid) <= 0) continue;
        atomic_fetch_add(&waiter->wakeups, 1);
        syscall(SYS_futex, &waiter->wakeups, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    }
}

void read_clock(struct call *call) {
    int clock = (int)call->arguments[0];
    if (!is_moved(clock)) {
        proceed(call->id);
        return;
    }
    if (write_timespec(call->thread->tid, call->arguments[1], clock_now(clock))) reply(call->id, 0);
    else reply_error(call->id, EFAULT);
}

void read_time_of_day(struct call *call) {
    int64_t time = clock_now(CLOCK_REALTIME);
    struct timeval value = {.tv_sec = time / SECOND, .tv_usec = time % SECOND / MICROSECOND};
    struct timezone zone = {0};
    bool fits = call->arguments[0] == 0 || write_memory(call->thread->tid, &value, call->arguments[0], sizeof value);
    if (call->arguments[1] != 0) fits = write_memory(call->thread->tid, &zone, call->arguments[1], sizeof zone) && fits;
    if (fits) reply(call->id, 0);
    else reply_error(call->id, EFAULT);
}

void read_seconds(struct call *call) {
    int64_t seconds = clock_now(CLOCK_REALTIME) / SECOND;
    if (call->arguments[0] != 0 && !write_memory(call->thread->tid, &seconds, call->arguments[0], sizeof seconds))
        reply_error(call->id, EFAULT);
    else reply(call->id, seconds);
}

/* The processor time of the program stands in a file, in the same unit. */
static struct tms spent_by(pid_t pid) {
    char path[64], text[512];
    struct tms spent = {0};
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "re");
    size_t length = file == NULL ? 0 : fread(text, 1, sizeof text - 1, file);
    if (file != NULL) fclose(file);
    text[length] = '\0';
    const char *after_name = strrchr(text, ')');
    if (after_name != NULL)
        sscanf(after_name + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld %ld %ld", &spent.tms_utime,
               &spent.tms_stime, &spent.tms_cutime, &spent.tms_cstime);
    return spent;
}

void read_ticks(struct call *call) {
    struct tms spent = spent_by(call->thread->pid), unused;
    int64_t length = SECOND / sysconf(_SC_CLK_TCK);
    int64_t ticks = times(&unused) + (now() - machine_now()) / length;
    if (call->arguments[0] != 0 && !write_memory(call->thread->tid, &spent, call->arguments[0], sizeof spent))
        reply_error(call->id, EFAULT);
    else reply(call->id, ticks);
}

void read_system_information(struct call *call) {
    struct sysinfo info;
    struct timespec since_start;
    if (sysinfo(&info) != 0 || clock_gettime(CLOCK_BOOTTIME, &since_start) != 0) {
        proceed(call->id);
        return;
    }
    int64_t uptime = since_start.tv_sec * SECOND + since_start.tv_nsec + now() - machine_now();
    info.uptime = (uptime + SECOND - 1) / SECOND; /* rounded up, as the kernel does */
    if (write_memory(call->thread->tid, &info, call->arguments[0], sizeof info)) reply(call->id, 0);
    else reply_error(call->id, EFAULT);
}
