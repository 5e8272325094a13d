/* Timers. Those of a descriptor exist in the kernel too, and are made to fire when their virtual time has come. Alarms
 * and POSIX timers exist here alone, and the supervisor sends their signals. */
#include "supervisor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/kcmp.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define FIRST_TIMER 0x40000000

enum timer_kind { DESCRIPTOR, ALARM, POSIX };

struct timer {
    enum timer_kind kind;
    pid_t pid;
    int number; /* the program's descriptor, or the id of a POSIX timer */
    int copy;   /* of the descriptor */
    int clock;
    int64_t due; /* NEVER: not armed */
    int64_t interval;
    int signal; /* 0: none */
    pid_t receiver; /* a thread, 0: the process */
    uint64_t value;
    struct timer *next;
};

static struct timer *timers;
static int last_timer = FIRST_TIMER;

static struct timer *add_timer(enum timer_kind kind, pid_t pid, int number) {
    struct timer *timer = calloc(1, sizeof *timer);
    if (timer == NULL) fail("memory");
    *timer = (struct timer){.kind = kind, .pid = pid, .number = number, .copy = -1, .due = NEVER, .next = timers};
    timers = timer;
    return timer;
}

static struct timer *timer_of(enum timer_kind kind, pid_t pid, int number) {
    for (struct timer *timer = timers; timer != NULL; timer = timer->next)
        if (timer->kind == kind && timer->pid == pid && timer->number == number) return timer;
    return NULL;
}

static void remove_timer(struct timer *timer) {
    for (struct timer **link = &timers; *link != NULL; link = &(*link)->next) {
        if (*link != timer) continue;
        *link = timer->next;
        break;
    }
    if (timer->copy >= 0) close(timer->copy);
    free(timer);
}

void forget_timers_of(pid_t pid, bool by_exec) {
    for (struct timer *timer = timers, *next; timer != NULL; timer = next) {
        next = timer->next;
        if (timer->pid == pid && (!by_exec || timer->kind == POSIX)) remove_timer(timer);
    }
}

/* Dates are more than ten years after their beginning, and are not endless for that. */
static int64_t timespec_of(const struct timespec *time) {
    return time->tv_sec >= FOREVER / SECOND * 10 ? FOREVER * 10 : time->tv_sec * SECOND + time->tv_nsec;
}

static int64_t remaining(struct timer *timer) {
    if (timer == NULL || timer->due == NEVER) return 0;
    int64_t left = timer->due - now();
    return left > 0 ? left : 1;
}

static void arm(struct timer *timer, const struct itimerspec *value, bool is_absolute) {
    int64_t time = timespec_of(&value->it_value);
    timer->interval = timespec_of(&value->it_interval);
    timer->due = time == 0 ? NEVER : is_absolute ? deadline_at(timer->clock, time) : deadline_after(time);
}

/* timerfd */

static bool is_same_file(int copy, int other) {
    return syscall(SYS_kcmp, getpid(), getpid(), KCMP_FILE, copy, other) == 0;
}

/* The program may have closed it, and have another file of that number by now. */
static bool is_still_there(struct timer *timer) {
    if (timer->kind != DESCRIPTOR) return true;
    int copy = copy_descriptor(timer->pid, timer->number);
    bool same = copy >= 0 && is_same_file(copy, timer->copy);
    if (copy >= 0) close(copy);
    return same;
}

static int clock_of_descriptor(pid_t pid, int fd) {
    char path[64], line[128];
    int clock = CLOCK_MONOTONIC;
    snprintf(path, sizeof path, "/proc/%d/fdinfo/%d", pid, fd);
    FILE *file = fopen(path, "re");
    if (file == NULL) return clock;
    while (fgets(line, sizeof line, file) != NULL) sscanf(line, "clockid: %d", &clock);
    fclose(file);
    return clock;
}

static struct timer *descriptor_timer(struct call *call, int fd) {
    struct timer *timer = timer_of(DESCRIPTOR, call->thread->pid, fd);
    if (timer != NULL && !is_still_there(timer)) {
        remove_timer(timer);
        timer = NULL;
    }
    return timer;
}

static bool write_timer(struct call *call, uint64_t address, int64_t left, int64_t interval) {
    struct itimerspec value = {.it_value = as_timespec_of(left), .it_interval = as_timespec_of(interval)};
    return address == 0 || write_memory(call->thread->tid, &value, address, sizeof value);
}

/* The kernel's timer is set to the real time that is left, if no leap comes first. */
static void set_kernel_timer(struct timer *timer) {
    struct itimerspec value = {.it_interval = as_timespec_of(timer->interval)};
    if (timer->due != NEVER) {
        int64_t left = real_time_until(timer->due);
        value.it_value = as_timespec_of(left > 0 ? left : 1);
    }
    timerfd_settime(timer->copy, 0, &value, NULL);
}

void set_timer_descriptor(struct call *call) {
    int fd = (int)call->arguments[0];
    struct itimerspec value;
    struct timer *timer = descriptor_timer(call, fd);
    int64_t before = remaining(timer), interval = timer == NULL ? 0 : timer->interval;
    if (!read_memory(call->thread->tid, &value, call->arguments[2], sizeof value)) {
        reply_error(call->id, EFAULT);
        return;
    }
    int copy = timer == NULL ? copy_descriptor(call->thread->pid, fd) : -1;
    struct itimerspec probe;
    if (timer == NULL && (copy < 0 || timerfd_gettime(copy, &probe) != 0)) {
        if (copy >= 0) close(copy);
        proceed(call->id); /* the kernel finds what is wrong with it */
        return;
    }
    if (timer == NULL) {
        timer = add_timer(DESCRIPTOR, call->thread->pid, fd);
        timer->copy = copy;
        timer->clock = clock_of_descriptor(call->thread->pid, fd);
    }
    arm(timer, &value, (call->arguments[1] & TFD_TIMER_ABSTIME) != 0);
    set_kernel_timer(timer);
    if (write_timer(call, call->arguments[3], before, interval)) reply(call->id, 0);
    else reply_error(call->id, EFAULT);
}

void get_timer_descriptor(struct call *call) {
    struct timer *timer = descriptor_timer(call, (int)call->arguments[0]);
    if (timer == NULL) proceed(call->id);
    else if (write_timer(call, call->arguments[1], remaining(timer), timer->interval)) reply(call->id, 0);
    else reply_error(call->id, EFAULT);
}

/* setitimer and alarm */

static struct timer *alarm_of(pid_t pid) {
    struct timer *timer = timer_of(ALARM, pid, 0);
    if (timer != NULL) return timer;
    timer = add_timer(ALARM, pid, 0);
    timer->signal = SIGALRM;
    timer->clock = CLOCK_MONOTONIC;
    return timer;
}

static int64_t timeval_of(const struct timeval *time) {
    return time->tv_sec >= FOREVER / SECOND ? FOREVER : time->tv_sec * SECOND + time->tv_usec * MICROSECOND;
}

static bool write_interval_timer(struct call *call, uint64_t address, int64_t left, int64_t interval) {
    struct itimerval value = {
        .it_value = {.tv_sec = left / SECOND, .tv_usec = left % SECOND / MICROSECOND},
        .it_interval = {.tv_sec = interval / SECOND, .tv_usec = interval % SECOND / MICROSECOND}};
    return address == 0 || write_memory(call->thread->tid, &value, address, sizeof value);
}

void set_interval_timer(struct call *call) {
    struct timer *timer = alarm_of(call->thread->pid);
    struct itimerval value = {0};
    int64_t before = remaining(timer), interval = timer->interval;
    if (call->arguments[1] != 0 && !read_memory(call->thread->tid, &value, call->arguments[1], sizeof value)) {
        reply_error(call->id, EFAULT);
        return;
    }
    int64_t time = timeval_of(&value.it_value);
    timer->interval = timeval_of(&value.it_interval);
    timer->due = time == 0 ? NEVER : deadline_after(time);
    if (write_interval_timer(call, call->arguments[2], before, interval)) reply(call->id, 0);
    else reply_error(call->id, EFAULT);
}

void get_interval_timer(struct call *call) {
    struct timer *timer = alarm_of(call->thread->pid);
    if (write_interval_timer(call, call->arguments[1], remaining(timer), timer->interval)) reply(call->id, 0);
    else reply_error(call->id, EFAULT);
}

void set_alarm(struct call *call) {
    struct timer *timer = alarm_of(call->thread->pid);
    int64_t before = remaining(timer), seconds = (int64_t)(uint32_t)call->arguments[0];
    timer->interval = 0;
    timer->due = seconds == 0 ? NEVER : deadline_after(seconds * SECOND);
    reply(call->id, before == 0 ? 0 : before < SECOND ? 1 : (before + SECOND / 2) / SECOND);
}

/* timer_create and its like */

void create_timer(struct call *call) {
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    int number = ++last_timer;
    if (!is_moved((int)call->arguments[0])) {
        proceed(call->id);
        return;
    }
    if (call->arguments[1] != 0 && !read_memory(call->thread->tid, &event, call->arguments[1], sizeof event)) {
        reply_error(call->id, EFAULT);
        return;
    }
    if (!write_memory(call->thread->tid, &number, call->arguments[2], sizeof number)) {
        reply_error(call->id, EFAULT);
        return;
    }
    struct timer *timer = add_timer(POSIX, call->thread->pid, number);
    timer->clock = (int)call->arguments[0];
    timer->signal = event.sigev_notify == SIGEV_NONE ? 0 : event.sigev_signo;
    timer->value = call->arguments[1] == 0 ? (uint64_t)number : (uint64_t)(uintptr_t)event.sigev_value.sival_ptr;
#ifdef SIGEV_THREAD_ID
    /* The thread stands where a function would; libc has no public name for it. */
    if (event.sigev_notify == SIGEV_THREAD_ID) memcpy(&timer->receiver, (char *)&event + 16, sizeof timer->receiver);
#endif
    reply(call->id, 0);
}

static struct timer *posix_timer(struct call *call) {
    return timer_of(POSIX, call->thread->pid, (int)call->arguments[0]);
}

void set_timer(struct call *call) {
    struct timer *timer = posix_timer(call);
    struct itimerspec value;
    if (timer == NULL) {
        proceed(call->id); /* one of the processor's time */
        return;
    }
    int64_t before = remaining(timer), interval = timer->interval;
    if (!read_memory(call->thread->tid, &value, call->arguments[2], sizeof value)) {
        reply_error(call->id, EFAULT);
        return;
    }
    arm(timer, &value, (call->arguments[1] & TIMER_ABSTIME) != 0);
    if (write_timer(call, call->arguments[3], before, interval)) reply(call->id, 0);
    else reply_error(call->id, EFAULT);
}

void get_timer(struct call *call) {
    struct timer *timer = posix_timer(call);
    if (timer == NULL) proceed(call->id);
    else if (write_timer(call, call->arguments[1], remaining(timer), timer->interval)) reply(call->id, 0);
    else reply_error(call->id, EFAULT);
}

void delete_timer(struct call *call) {
    struct timer *timer = posix_timer(call);
    if (timer == NULL) {
        proceed(call->id);
        return;
    }
    remove_timer(timer);
    reply(call->id, 0);
}

void count_timer_overruns(struct call *call) {
    if (posix_timer(call) == NULL) proceed(call->id);
    else reply(call->id, 0);
}

/* Their time */

int64_t earliest_timer(void) {
    int64_t earliest = NEVER;
    for (struct timer *timer = timers, *next; timer != NULL; timer = next) {
        next = timer->next;
        if (timer->due >= earliest) continue;
        if (is_still_there(timer)) earliest = timer->due;
        else remove_timer(timer);
    }
    return earliest;
}

#define LONGEST_FIRING MILLISECOND

/* The kernel lets it expire a moment later. Unless its reader is faster, it is readable then. */
static void expire_at_once(struct timer *timer) {
    struct itimerspec at_once = {.it_value = {.tv_nsec = 1}, .it_interval = as_timespec_of(timer->interval)};
    struct pollfd file = {.fd = timer->copy, .events = POLLIN};
    int64_t end = machine_now() + LONGEST_FIRING;
    timerfd_settime(timer->copy, 0, &at_once, NULL);
    while (poll(&file, 1, 0) == 0 && machine_now() < end) {}
}

static void fire(struct timer *timer) {
    if (timer->kind == DESCRIPTOR) {
        /* Where real time has passed, it has fired by itself. */
        struct itimerspec left;
        if (timerfd_gettime(timer->copy, &left) == 0 && timespec_of(&left.it_value) > 0) expire_at_once(timer);
    } else if (timer->kind == ALARM) {
        kill(timer->pid, timer->signal);
    } else if (timer->signal != 0) {
        siginfo_t info = {.si_signo = timer->signal, .si_code = SI_TIMER};
        info.si_value.sival_ptr = (void *)(uintptr_t)timer->value;
        if (timer->receiver != 0) syscall(SYS_rt_tgsigqueueinfo, timer->pid, timer->receiver, timer->signal, &info);
        else syscall(SYS_rt_sigqueueinfo, timer->pid, timer->signal, &info);
    }
}

bool fire_timers(void) {
    if (timers == NULL) return false;
    int64_t time = now();
    bool any = false;
    for (struct timer *timer = timers; timer != NULL; timer = timer->next) {
        if (timer->due > time) continue;
        fire(timer);
        note_signal();
        timer->due = timer->interval > 0 ? timer->due + timer->interval : NEVER;
        /* Expiries between two looks count as one. */
        if (timer->due < time) timer->due = time + timer->interval;
        any = true;
    }
    return any;
}
