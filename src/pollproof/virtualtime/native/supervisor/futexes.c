/* Futexes. A wait with a time-out is parked here, where the kernel's wake-ups do not reach it; so calls that wake are
 * handed over, too, and wake what is parked. */
#include "supervisor.h"

#include <limits.h>
#include <linux/futex.h>

static bool is_private(uint64_t operation) {
    return (operation & FUTEX_PRIVATE_FLAG) != 0;
}

/* Whether its word is still what the thread has seen. */
static bool is_unchanged(struct parked_wait *wait) {
    uint32_t value;
    if (!read_memory(wait->thread->tid, &value, wait->arguments[0], sizeof value)) return false;
    return value == (uint32_t)wait->arguments[2];
}

static void wait_on_futex(struct call *call, int operation) {
    int64_t time;
    uint32_t value;
    if (!read_timespec(call->thread->tid, call->arguments[3], &time) ||
        !read_memory(call->thread->tid, &value, call->arguments[0], sizeof value)) {
        reply_error(call->id, EFAULT);
        return;
    }
    if (value != (uint32_t)call->arguments[2]) {
        reply_error(call->id, EAGAIN);
        return;
    }
    if (was_interrupted(call)) {
        reply_error(call->id, EINTR);
        return;
    }
    if (time < 0) {
        reply_error(call->id, EINVAL);
        return;
    }
    int clock = call->arguments[1] & FUTEX_CLOCK_REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC;
    park(call, WAIT_FUTEX, operation == FUTEX_WAIT ? deadline_after(time) : deadline_at(clock, time));
}

/* Wakes parked waits on the same futex, at most so many; how many. Futexes that processes share may have another
 * address in each: of those the changed ones are woken. */
static uint32_t wake_parked(struct call *call, uint64_t address, uint32_t most) {
    uint32_t woken = 0;
    bool shared = !is_private(call->arguments[1]);
    for (struct parked_wait *wait = parked_waits, *next; wait != NULL && woken < most; wait = next) {
        next = wait->next;
        if (wait->kind != WAIT_FUTEX || !still_waits(wait->id)) continue;
        bool is_same = wait->thread->pid == call->thread->pid && wait->arguments[0] == address;
        bool may_be_same = shared && !is_private(wait->arguments[1]) && !is_unchanged(wait);
        if (!is_same && !may_be_same) continue;
        reply(wait->id, 0);
        unpark(wait);
        woken++;
    }
    return woken;
}

static void wake(struct call *call) {
    uint32_t most = (uint32_t)call->arguments[2], woken = wake_parked(call, call->arguments[0], most);
    if (woken > 0 && woken >= most) reply(call->id, woken);
    else proceed(call->id); /* those that wait in the kernel */
}

void handle_futex(struct call *call) {
    int operation = (int)call->arguments[1] & FUTEX_CMD_MASK;
    switch (operation) {
        case FUTEX_WAIT:
        case FUTEX_WAIT_BITSET:
            wait_on_futex(call, operation);
            break;
        case FUTEX_WAKE:
        case FUTEX_WAKE_BITSET:
            wake(call);
            break;
        default: /* moves waiters to another futex, or changes a word: a wake-up for nothing does no harm */
            wake_parked(call, call->arguments[0], UINT_MAX);
            if (operation == FUTEX_WAKE_OP) wake_parked(call, call->arguments[4], UINT_MAX);
            proceed(call->id);
            break;
    }
}

/* The kernel changes and wakes a futex when a thread ends. */
bool end_changed_futexes(void) {
    bool any = false;
    for (struct parked_wait *wait = parked_waits, *next; wait != NULL; wait = next) {
        next = wait->next;
        if (wait->kind != WAIT_FUTEX || is_unchanged(wait)) continue;
        reply(wait->id, 0);
        unpark(wait);
        any = true;
    }
    return any;
}
