/* Waits of the program that are parked here, and those that wait for nothing but time. */
#include "supervisor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

struct parked_wait *parked_waits;

bool read_timespec(pid_t tid, uint64_t address, int64_t *nanoseconds) {
    struct timespec time;
    if (!read_memory(tid, &time, address, sizeof time)) return false;
    if (time.tv_sec < 0 || time.tv_nsec < 0 || time.tv_nsec >= SECOND) *nanoseconds = -1;
    else if (time.tv_sec >= FOREVER / SECOND * 10) *nanoseconds = FOREVER * 10;
    else *nanoseconds = time.tv_sec * SECOND + time.tv_nsec;
    return true;
}

bool write_timespec(pid_t tid, uint64_t address, int64_t nanoseconds) {
    struct timespec time = as_timespec_of(nanoseconds);
    return write_memory(tid, &time, address, sizeof time);
}

struct parked_wait *park(struct call *call, enum wait_kind kind, int64_t deadline) {
    struct parked_wait *wait = calloc(1, sizeof *wait);
    if (wait == NULL) fail("memory");
    wait->id = call->id;
    wait->thread = call->thread;
    wait->kind = kind;
    wait->deadline = deadline;
    wait->number = call->number;
    memcpy(wait->arguments, call->arguments, sizeof wait->arguments);
    wait->place = call->place;
    wait->next = parked_waits;
    parked_waits = wait;
    call->thread->parked = wait;
    return wait;
}

void unpark(struct parked_wait *wait) {
    release_files(wait);
    if (wait->thread->parked == wait) wait->thread->parked = NULL;
    for (struct parked_wait **link = &parked_waits; *link != NULL; link = &(*link)->next) {
        if (*link != wait) continue;
        *link = wait->next;
        break;
    }
    free(wait);
}

/* The kernel has ended the wait because of a signal. It may begin the call anew, as it does for a handler with
 * SA_RESTART; but a wait with a deadline is never begun anew by a real kernel, so the second call ends as interrupted. */
static void interrupt(struct parked_wait *wait) {
    struct thread *thread = wait->thread;
    thread->interrupted.is_set = true;
    thread->interrupted.deadline = wait->deadline;
    thread->interrupted.place = wait->place;
    unpark(wait);
}

void thread_calls(struct call *call) {
    if (call->thread->parked != NULL) interrupt(call->thread->parked);
}

bool was_interrupted(struct call *call) {
    struct thread *thread = call->thread;
    if (!thread->interrupted.is_set) return false;
    thread->interrupted.is_set = false;
    return thread->interrupted.place == call->place && thread_of(thread->pid)->restarting != 0;
}

void note_handler(struct call *call) {
    uint64_t action[2] = {0}; /* the handler and the flags, as the kernel takes them */
    uint64_t bit = UINT64_C(1) << ((call->arguments[0] - 1) & 63);
    struct thread *leader = thread_of(call->thread->pid);
    if (read_memory(call->thread->tid, action, call->arguments[1], sizeof action)) {
        /* Not libc's own, 32 and 33, which it sends to threads that it cancels. */
        bool is_own = call->arguments[0] == 32 || call->arguments[0] == 33;
        bool restarts = action[0] > 1 && (action[1] & SA_RESTART) && !is_own;
        leader->restarting = restarts ? leader->restarting | bit : leader->restarting & ~bit;
    }
    proceed(call->id);
}

bool forget_interrupted_waits(void) {
    bool any = false;
    for (struct parked_wait *wait = parked_waits, *next; wait != NULL; wait = next) {
        next = wait->next;
        if (still_waits(wait->id)) continue;
        interrupt(wait);
        any = true;
    }
    return any;
}

int64_t earliest_wait(void) {
    int64_t earliest = NEVER;
    for (struct parked_wait *wait = parked_waits; wait != NULL; wait = wait->next)
        if (wait->deadline < earliest) earliest = wait->deadline;
    return earliest;
}

static void write_remaining(struct parked_wait *wait, int64_t left) {
    if (wait->remaining_at == 0) return;
    if (left < 0) left = 0;
    if (wait->remaining_in_microseconds) {
        struct timeval value = {.tv_sec = left / SECOND, .tv_usec = left % SECOND / MICROSECOND};
        write_memory(wait->thread->tid, &value, wait->remaining_at, sizeof value);
    } else write_timespec(wait->thread->tid, wait->remaining_at, left);
}

static void expire(struct parked_wait *wait) {
    switch (wait->kind) {
        case WAIT_SLEEP:
            reply(wait->id, 0);
            break;
        case WAIT_FUTEX:
            reply_error(wait->id, ETIMEDOUT);
            break;
        case WAIT_SOCKET:
        case WAIT_SIGNAL:
            reply_error(wait->id, EAGAIN);
            break;
        case WAIT_QUEUE:
            reply_error(wait->id, ETIMEDOUT);
            break;
        case WAIT_FILES:
        case WAIT_SELECT:
        case WAIT_EPOLL:
            write_remaining(wait, 0);
            if (end_ready_wait(wait)) return;
            expire_files(wait);
            break;
    }
    unpark(wait);
}

static int compare(const void *left, const void *right) {
    int64_t one = (*(struct parked_wait *const *)left)->deadline;
    int64_t other = (*(struct parked_wait *const *)right)->deadline;
    return one < other ? -1 : one > other;
}

/* In the order of their deadlines. */
bool end_due_waits(void) {
    if (parked_waits == NULL) return false;
    int64_t time = now();
    struct parked_wait *due[1024];
    size_t count = 0;
    for (struct parked_wait *wait = parked_waits; wait != NULL && count < 1024; wait = wait->next)
        if (wait->deadline <= time) due[count++] = wait;
    qsort(due, count, sizeof *due, compare);
    for (size_t index = 0; index < count; index++) expire(due[index]);
    return count > 0;
}

/* What is left of a sleep is written ahead: a signal ends it without the supervisor, and its thread reads it then. */
void note_remaining(void) {
    for (struct parked_wait *wait = parked_waits; wait != NULL; wait = wait->next)
        if (wait->kind == WAIT_SLEEP && wait->deadline != NEVER) write_remaining(wait, wait->deadline - now());
}

static void begin_sleep(struct call *call, int64_t deadline, uint64_t remaining_at) {
    if (was_interrupted(call)) {
        int64_t left = call->thread->interrupted.deadline - now();
        if (remaining_at != 0) write_timespec(call->thread->tid, remaining_at, left > 0 ? left : 0);
        reply_error(call->id, EINTR);
        return;
    }
    struct parked_wait *wait = park(call, WAIT_SLEEP, deadline);
    wait->remaining_at = remaining_at;
    if (remaining_at != 0 && deadline != NEVER) write_remaining(wait, deadline - now());
}

void sleep_for(struct call *call) {
    int64_t length;
    if (!read_timespec(call->thread->tid, call->arguments[0], &length)) reply_error(call->id, EFAULT);
    else if (length < 0) reply_error(call->id, EINVAL);
    else begin_sleep(call, deadline_after(length), call->arguments[1]);
}

void sleep_on_clock(struct call *call) {
    int clock = (int)call->arguments[0];
    int64_t time;
    if (!is_moved(clock)) proceed(call->id);
    else if (!read_timespec(call->thread->tid, call->arguments[2], &time)) reply_error(call->id, EFAULT);
    else if (time < 0) reply_error(call->id, EINVAL);
    else if (call->arguments[1] & TIMER_ABSTIME) begin_sleep(call, deadline_at(clock, time), 0);
    else begin_sleep(call, deadline_after(time), call->arguments[3]);
}

/* Signals */

static uint64_t pending_signals(struct thread *thread) {
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/task/%d/status", thread->pid, thread->tid);
    FILE *file = fopen(path, "re");
    if (file == NULL) return 0;
    unsigned long long value;
    uint64_t pending = 0;
    while (fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "SigPnd: %llx", &value) == 1 || sscanf(line, "ShdPnd: %llx", &value) == 1) pending |= value;
    fclose(file);
    return pending;
}

void wait_for_signal(struct call *call) {
    int64_t length;
    if (!read_timespec(call->thread->tid, call->arguments[2], &length)) reply_error(call->id, EFAULT);
    else if (length <= 0) proceed(call->id);
    else {
        struct parked_wait *wait = park(call, WAIT_SIGNAL, deadline_after(length));
        read_memory(call->thread->tid, &wait->signals, call->arguments[0], sizeof wait->signals);
    }
}

/* Waits that a pending signal ends, which the kernel does not see while they are parked. The kernel does them, and
 * returns at once. */
bool end_waits_with_signals(void) {
    bool any = false;
    for (struct parked_wait *wait = parked_waits, *next; wait != NULL; wait = next) {
        next = wait->next;
        if (wait->signals == 0 || (pending_signals(wait->thread) & wait->signals) == 0) continue;
        proceed(wait->id);
        unpark(wait);
        any = true;
    }
    return any;
}
