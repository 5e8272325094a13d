/* Hooks of calls that wait for a lock, the end of a thread or a message until a time of a clock. */
#include "real.h"

#include <errno.h>
#include <mqueue.h>

struct locking {
    int (*call)(const struct locking *locking, const struct timespec *until); /* 0, or an error */
    void *object;
    void *more;
    int result;
};

static enum attempt try_to_lock(void *context, int64_t nanoseconds) {
    struct locking *locking = context;
    struct timespec until = machine_time_in(CLOCK_REALTIME, nanoseconds);
    locking->result = locking->call(locking, &until);
    return locking->result == ETIMEDOUT ? NOT_YET : OVER;
}

/* An error, as pthread functions return it. A signal does not end such a wait. */
static int lock_until(struct locking *locking, clockid_t clock, const struct timespec *time) {
    struct shared *shared = attached();
    if (shared == NULL || !is_finite(time, clock)) return locking->call(locking, time);
    struct wait wait = {
        .deadline = deadline_in(shared, left_until(time, clock)), .attempt = try_to_lock, .context = locking};
    for (;;) {
        switch (wait_virtually(shared, &wait)) {
            case WAIT_OVER:
                return locking->result;
            case WAIT_EXPIRED:
                return ETIMEDOUT;
            case WAIT_INTERRUPTED:
                continue;
        }
    }
}

#define LOCKS(name, function)                                                                 \
    static int name(const struct locking *locking, const struct timespec *until) {            \
        return real.function(locking->object, until);                                         \
    }

LOCKS(lock_mutex, pthread_mutex_timedlock)
LOCKS(lock_to_read, pthread_rwlock_timedrdlock)
LOCKS(lock_to_write, pthread_rwlock_timedwrlock)

HOOK int pthread_mutex_timedlock(pthread_mutex_t *restrict mutex, const struct timespec *restrict time) {
    struct locking locking = {.call = lock_mutex, .object = mutex};
    return lock_until(&locking, CLOCK_REALTIME, time);
}

HOOK int pthread_mutex_clocklock(pthread_mutex_t *restrict mutex, clockid_t clock,
                                 const struct timespec *restrict time) {
    if (attached() == NULL) return real.pthread_mutex_clocklock(mutex, clock, time);
    struct locking locking = {.call = lock_mutex, .object = mutex};
    return lock_until(&locking, clock, time);
}

HOOK int pthread_rwlock_timedrdlock(pthread_rwlock_t *restrict lock, const struct timespec *restrict time) {
    struct locking locking = {.call = lock_to_read, .object = lock};
    return lock_until(&locking, CLOCK_REALTIME, time);
}

HOOK int pthread_rwlock_timedwrlock(pthread_rwlock_t *restrict lock, const struct timespec *restrict time) {
    struct locking locking = {.call = lock_to_write, .object = lock};
    return lock_until(&locking, CLOCK_REALTIME, time);
}

static int join(const struct locking *locking, const struct timespec *until) {
    return real.pthread_timedjoin_np((pthread_t)locking->object, locking->more, until);
}

HOOK int pthread_timedjoin_np(pthread_t thread, void **result, const struct timespec *time) {
    if (time == NULL) return pthread_join(thread, result);
    struct locking locking = {.call = join, .object = (void *)thread, .more = result};
    return lock_until(&locking, CLOCK_REALTIME, time);
}

struct message_wait {
    mqd_t queue;
    char *bytes;
    const char *given;
    size_t length;
    unsigned *priority;
    unsigned given_priority;
    ssize_t result;
};

static enum attempt try_message(void *context, int64_t nanoseconds) {
    struct message_wait *message = context;
    struct timespec until = machine_time_in(CLOCK_REALTIME, nanoseconds);
    if (message->bytes != NULL)
        message->result =
            real.mq_timedreceive(message->queue, message->bytes, message->length, message->priority, &until);
    else
        message->result =
            real.mq_timedsend(message->queue, message->given, message->length, message->given_priority, &until);
    return message->result < 0 && errno == ETIMEDOUT ? NOT_YET : OVER;
}

static ssize_t message_until(struct shared *shared, struct message_wait *message, const struct timespec *time) {
    struct wait wait = {.deadline = deadline_in(shared, left_until(time, CLOCK_REALTIME)),
                        .attempt = try_message,
                        .context = message};
    enum outcome outcome = wait_virtually(shared, &wait);
    if (outcome == WAIT_OVER) return message->result;
    errno = outcome == WAIT_EXPIRED ? ETIMEDOUT : EINTR;
    return -1;
}

HOOK ssize_t mq_timedreceive(mqd_t queue, char *restrict bytes, size_t length, unsigned *restrict priority,
                             const struct timespec *restrict time) {
    struct shared *shared = attached();
    if (shared == NULL || bytes == NULL || time == NULL || !is_finite(time, CLOCK_REALTIME))
        return real.mq_timedreceive(queue, bytes, length, priority, time);
    struct message_wait message = {.queue = queue, .bytes = bytes, .length = length, .priority = priority};
    return message_until(shared, &message, time);
}

HOOK int mq_timedsend(mqd_t queue, const char *bytes, size_t length, unsigned priority, const struct timespec *time) {
    struct shared *shared = attached();
    if (shared == NULL || time == NULL || !is_finite(time, CLOCK_REALTIME))
        return real.mq_timedsend(queue, bytes, length, priority, time);
    struct message_wait message = {.queue = queue, .given = bytes, .length = length, .given_priority = priority};
    return (int)message_until(shared, &message, time);
}
