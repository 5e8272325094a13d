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

bool signal_is_pending(const sigset_t *before) {
    sigset_t pending;
    bool any = false;
    if (before == NULL) return false;
    sigpending(&pending);
    for (int number = 1; number < NSIG && !any; number++)
        any = sigismember(&pending, number) == 1 && sigismember(before, number) == 0;
    return any;
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

/* Waits for a moment, in which alone signals may come: at any other time their handlers would run without an end to
 * the wait. Poll and its like let them in by themselves. */
static enum outcome wait_a_moment(const struct wait *wait, uint32_t heard, int64_t nanoseconds, const sigset_t *before) {
    enum outcome outcome;
    if (wait->mask != NULL) return wait->attempt(wait->context, nanoseconds) == OVER ? WAIT_OVER : WAIT_EXPIRED;
    if (signal_is_pending(before)) return WAIT_INTERRUPTED;
    pthread_sigmask(SIG_SETMASK, before, NULL);
    if (wait->attempt == NULL) outcome = sleep_a_moment(heard, nanoseconds);
    else outcome = wait->attempt(wait->context, nanoseconds) == OVER ? WAIT_OVER : WAIT_EXPIRED;
    int error = errno;
    block_signals(NULL);
    errno = error;
    return outcome;
}

static enum outcome wait_in_turns(struct shared *shared, const struct wait *wait, const sigset_t *before) {
    struct decision decision = {.mask = before};
    bool graced = !wait->grace_first;
    for (;;) {
        int64_t now = virtual_now(shared);
        if (now >= wait->deadline) {
            bool over = wait->attempt != NULL && wait->attempt(wait->context, 0) == OVER;
            return over ? WAIT_OVER : WAIT_EXPIRED;
        }
        int64_t moment = GRACE;
        own_entry = publish_waiter(shared, own_entry, wait->deadline, machine_now() + GRACE);
        uint32_t heard = own_entry != NULL ? atomic_load(&own_entry->wakeups) : 0;
        if (graced) {
            moment = leap_or_wait(shared, own_entry, wait->deadline, &decision);
            if (moment == 0) continue;
            /* A sleeper whose turn it is not is woken when it is, and may sleep for longer. */
            if (wait->attempt == NULL && decision.pace == 0) moment = SLEEPERS_PATIENCE;
        }
        graced = true;
        if (wait->deadline - now < moment) moment = wait->deadline - now;
        own_entry = publish_waiter(shared, own_entry, wait->deadline, machine_now() + moment);
        enum outcome outcome = wait_a_moment(wait, heard, moment, before);
        if (outcome != WAIT_EXPIRED) return outcome;
    }
}

enum outcome wait_virtually(struct shared *shared, const struct wait *wait) {
    int error = errno;
    sigset_t before;
    /* What is there already needs no place in the table. */
    if (wait->attempt != NULL && !wait->grace_first && wait->attempt(wait->context, 0) == OVER) return WAIT_OVER;
    block_signals(&before);
    if (wait->mask != NULL && *wait->mask == NULL) *wait->mask = &before;
    enum outcome outcome = wait_in_turns(shared, wait, wait->mask != NULL ? *wait->mask : &before);
    int after = errno;
    withdraw_waiter(shared, own_entry);
    own_entry = NULL;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = outcome == WAIT_OVER ? after : error;
    return outcome;
}
