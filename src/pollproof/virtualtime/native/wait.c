/* A wait with a deadline, in virtual time: real waits of a moment each, and a leap as soon as nothing stands against
 * it. */
#include "real.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

#define GRACE MILLISECOND
#define SLEEPERS_PATIENCE (20 * MILLISECOND)

static __thread struct waiter *own_entry;

static void block_signals(sigset_t *before) {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, before);
}

/* Whether there were signals meanwhile. They interrupt the wait as if they had come during it. */
static bool unblock_signals(const sigset_t *before) {
    sigset_t pending;
    bool any = false;
    sigpending(&pending);
    for (int number = 1; number < NSIG && !any; number++)
        any = sigismember(&pending, number) == 1 && sigismember(before, number) == 0;
    pthread_sigmask(SIG_SETMASK, before, NULL);
    return any;
}

/* Decides with signals blocked, so that none is lost between two moments of waiting. */
static int64_t decide(struct shared *shared, int64_t deadline, struct decision *decision, bool *interrupted) {
    sigset_t before;
    block_signals(&before);
    int64_t pace = leap_or_wait(shared, own_entry, deadline, decision);
    *interrupted = unblock_signals(&before);
    return pace;
}

static bool fire_timers(int64_t now, bool *interrupted) {
    if (now < nearest_timer()) return false;
    sigset_t before;
    block_signals(&before);
    bool fired = fire_due_timers(now);
    *interrupted = unblock_signals(&before);
    return fired;
}

/* Nothing to wait for but time: a sleeper is woken when its turn has come. */
static enum outcome sleep_a_moment(uint32_t heard, int64_t nanoseconds) {
    if (own_entry == NULL) {
        struct timespec moment = as_timespec(nanoseconds);
        return real.clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, NULL) == EINTR ? WAIT_INTERRUPTED : WAIT_EXPIRED;
    }
    errno = 0;
    sleep_until_woken(own_entry, heard, nanoseconds);
    return errno == EINTR ? WAIT_INTERRUPTED : WAIT_EXPIRED;
}

static enum outcome wait_in_turns(struct shared *shared, const struct wait *wait) {
    struct decision decision = {0};
    bool graced = !wait->grace_first;
    for (;;) {
        int64_t now = virtual_now(shared);
        bool interrupted = false;
        if (fire_timers(now, &interrupted)) graced = false; /* what they cause takes a moment */
        if (interrupted) return WAIT_INTERRUPTED;
        if (now >= wait->deadline) {
            bool over = wait->attempt != NULL && wait->attempt(wait->context, 0) == OVER;
            return over ? WAIT_OVER : WAIT_EXPIRED;
        }
        int64_t timer = nearest_timer();
        int64_t deadline = timer < wait->deadline ? timer : wait->deadline;
        int64_t moment = GRACE;
        own_entry = publish_waiter(shared, own_entry, deadline, machine_now() + GRACE);
        uint32_t heard = own_entry != NULL ? atomic_load(&own_entry->wakeups) : 0;
        if (graced) {
            moment = decide(shared, deadline, &decision, &interrupted);
            if (interrupted) return WAIT_INTERRUPTED;
            if (moment == 0) continue;
            /* A sleeper whose turn it is not is woken when it is, and may sleep for longer. */
            if (wait->attempt == NULL && decision.pace == 0) moment = SLEEPERS_PATIENCE;
        }
        graced = true;
        if (deadline != NEVER && deadline - now < moment) moment = deadline - now;
        own_entry = publish_waiter(shared, own_entry, deadline, machine_now() + moment);
        if (wait->attempt == NULL) {
            if (sleep_a_moment(heard, moment) == WAIT_INTERRUPTED) return WAIT_INTERRUPTED;
        } else if (wait->attempt(wait->context, moment) == OVER) {
            return WAIT_OVER;
        }
    }
}

enum outcome wait_virtually(struct shared *shared, const struct wait *wait) {
    int before = errno;
    /* What is there already needs no place in the table. */
    if (wait->attempt != NULL && !wait->grace_first && wait->attempt(wait->context, 0) == OVER) return WAIT_OVER;
    enum outcome outcome = wait_in_turns(shared, wait);
    int after = errno;
    withdraw_waiter(shared, own_entry);
    own_entry = NULL;
    errno = outcome == WAIT_OVER ? after : before;
    return outcome;
}
