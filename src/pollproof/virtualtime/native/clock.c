/* The virtual clock, and the decision to move it. */
#include "real.h"

/* A wait whose turn it is looks at the client after this time, and then ever more seldom. */
#define FIRST_PACE (50 * MICROSECOND)
#define SLOWEST_PACE (2 * MILLISECOND)

int64_t virtual_now(struct shared *shared) {
    return machine_now() + atomic_load(&shared->offset);
}

int64_t deadline_in(struct shared *shared, int64_t remaining) {
    return remaining >= FOREVER ? NEVER : virtual_now(shared) + remaining;
}

void move_clock(struct shared *shared, int64_t nanoseconds) {
    atomic_fetch_add(&shared->offset, nanoseconds);
    wake_all(shared);
}

/* Moves the clock to exactly that time, unless it is past it. */
static bool leap_to(struct shared *shared, int64_t deadline) {
    int64_t offset = atomic_load(&shared->offset), target;
    do {
        target = deadline - machine_now();
        if (target <= offset) return true;
        if (target > atomic_load(&shared->limit)) return false;
    } while (!atomic_compare_exchange_weak(&shared->offset, &offset, target));
    atomic_store(&shared->last_target, deadline);
    atomic_store(&shared->leapt_at, machine_now());
    atomic_fetch_add(&shared->leapt, target - offset);
    atomic_fetch_add(&shared->leaps, 1);
    return true;
}

static int64_t next_pace(struct decision *decision) {
    int64_t pace = decision->pace == 0 ? FIRST_PACE : decision->pace * 2;
    decision->pace = pace < SLOWEST_PACE ? pace : SLOWEST_PACE;
    return decision->pace;
}

static bool provider_holds(struct shared *shared) {
    bool holds = atomic_load(&shared->holds) > 0;
    if (holds) note_obstacle(shared, PROVIDER_HOLDS, 0);
    return holds;
}

static bool nothing_goes_on(struct shared *shared, struct decision *decision, int64_t *pace) {
    *pace = next_pace(decision);
    uint64_t last = decision->fingerprint, fingerprint = last;
    decision->fingerprint = 0;
    bool alone;
    if (provider_holds(shared) || something_is_under_way(shared)) return false;
    if (!client_is_idle(shared, &fingerprint, &alone)) return false;
    /* A provider may have begun something while the client was being looked at. */
    if (provider_holds(shared)) return false;
    if (alone || fingerprint == last) return true;
    decision->fingerprint = fingerprint;
    *pace = FIRST_PACE; /* idle once: the second look follows at once */
    return false;
}

/* Either leaps to the deadline and returns 0, or returns how long to really wait before the next look. */
int64_t leap_or_wait(struct shared *shared, struct waiter *own, int64_t deadline, struct decision *decision) {
    if (own == NULL || deadline == NEVER) return MILLISECOND;
    if (someone_is_due_earlier(shared, own, deadline)) {
        *decision = (struct decision){.mask = decision->mask};
        /* Whose turn it is may be of another process, and cannot see which connections this one has closed. */
        something_is_under_way(shared);
        return patience(shared);
    }
    int64_t pace;
    if (nothing_goes_on(shared, decision, &pace) && !signal_is_pending(decision->mask) && leap_to(shared, deadline)) return 0;
    return pace;
}
