/* The functions that the hooks stand before, each found once. */
#ifndef POLLPROOF_LEAP_REAL_H
#define POLLPROOF_LEAP_REAL_H

#include "leap.h"

#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <sys/uio.h>

#define REAL_FUNCTIONS(X) \
    X(int, clock_gettime, (clockid_t, struct timespec *)) \
    X(int, gettimeofday, (struct timeval *, void *)) \
    X(int, timespec_get, (struct timespec *, int)) \
    X(int, clock_nanosleep, (clockid_t, int, const struct timespec *, struct timespec *)) \
    X(int, ppoll, (struct pollfd *, nfds_t, const struct timespec *, const sigset_t *)) \
    X(int, pselect, (int, fd_set *, fd_set *, fd_set *, const struct timespec *, const sigset_t *)) \
    X(int, epoll_pwait, (int, struct epoll_event *, int, int, const sigset_t *)) \
    X(int, sem_trywait, (sem_t *)) \
    X(int, sem_timedwait, (sem_t *, const struct timespec *)) \
    X(int, sem_clockwait, (sem_t *, clockid_t, const struct timespec *)) \
    X(int, pthread_cond_timedwait, (pthread_cond_t *, pthread_mutex_t *, const struct timespec *)) \
    X(int, pthread_cond_clockwait, (pthread_cond_t *, pthread_mutex_t *, clockid_t, const struct timespec *)) \
    X(int, pthread_cond_signal, (pthread_cond_t *)) \
    X(int, pthread_cond_broadcast, (pthread_cond_t *)) \
    X(int, sigtimedwait, (const sigset_t *, siginfo_t *, const struct timespec *)) \
    X(int, pthread_mutex_timedlock, (pthread_mutex_t *, const struct timespec *)) \
    X(int, pthread_mutex_clocklock, (pthread_mutex_t *, clockid_t, const struct timespec *)) \
    X(int, pthread_rwlock_timedrdlock, (pthread_rwlock_t *, const struct timespec *)) \
    X(int, pthread_rwlock_timedwrlock, (pthread_rwlock_t *, const struct timespec *)) \
    X(int, pthread_timedjoin_np, (pthread_t, void **, const struct timespec *)) \
    X(ssize_t, mq_timedreceive, (int, char *, size_t, unsigned *, const struct timespec *)) \
    X(int, mq_timedsend, (int, const char *, size_t, unsigned, const struct timespec *)) \
    X(int, timer_create, (clockid_t, struct sigevent *, timer_t *)) \
    X(int, timer_delete, (timer_t)) \
    X(int, timer_gettime, (timer_t, struct itimerspec *)) \
    X(int, timer_settime, (timer_t, int, const struct itimerspec *, struct itimerspec *)) \
    X(int, timerfd_settime, (int, int, const struct itimerspec *, struct itimerspec *)) \
    X(int, timerfd_gettime, (int, struct itimerspec *)) \
    X(int, setitimer, (int, const struct itimerval *, struct itimerval *)) \
    X(int, getitimer, (int, struct itimerval *)) \
    X(pid_t, fork, (void)) \
    X(int, execve, (const char *, char *const[], char *const[])) \
    X(int, fexecve, (int, char *const[], char *const[])) \
    X(int, execv, (const char *, char *const[])) \
    X(int, execvp, (const char *, char *const[])) \
    X(int, execvpe, (const char *, char *const[], char *const[])) \
    X(int, socket, (int, int, int)) \
    X(int, connect, (int, const struct sockaddr *, socklen_t)) \
    X(int, accept, (int, struct sockaddr *, socklen_t *)) \
    X(int, accept4, (int, struct sockaddr *, socklen_t *, int)) \
    X(clock_t, times, (struct tms *)) \
    X(int, sysinfo, (struct sysinfo *)) \
    X(int, setsockopt, (int, int, int, const void *, socklen_t)) \
    X(int, getsockopt, (int, int, int, void *, socklen_t *)) \
    X(int, shutdown, (int, int)) \
    X(int, close, (int)) \
    X(int, close_range, (unsigned, unsigned, int)) \
    X(void, closefrom, (int)) \
    X(int, dup, (int)) \
    X(int, dup2, (int, int)) \
    X(int, dup3, (int, int, int)) \
    X(int, fcntl, (int, int, ...)) \
    X(int, fcntl64, (int, int, ...)) \
    X(ssize_t, send, (int, const void *, size_t, int)) \
    X(ssize_t, sendto, (int, const void *, size_t, int, const struct sockaddr *, socklen_t)) \
    X(ssize_t, sendmsg, (int, const struct msghdr *, int)) \
    X(int, sendmmsg, (int, struct mmsghdr *, unsigned, int)) \
    X(ssize_t, sendfile, (int, int, off_t *, size_t)) \
    X(ssize_t, sendfile64, (int, int, off64_t *, size_t)) \
    X(ssize_t, write, (int, const void *, size_t)) \
    X(ssize_t, writev, (int, const struct iovec *, int)) \
    X(ssize_t, recv, (int, void *, size_t, int)) \
    X(ssize_t, recvfrom, (int, void *, size_t, int, struct sockaddr *, socklen_t *)) \
    X(ssize_t, recvmsg, (int, struct msghdr *, int)) \
    X(int, recvmmsg, (int, struct mmsghdr *, unsigned, int, struct timespec *)) \
    X(ssize_t, read, (int, void *, size_t)) \
    X(ssize_t, readv, (int, const struct iovec *, int)) \
    X(ssize_t, __read_chk, (int, void *, size_t, size_t)) \
    X(ssize_t, __recv_chk, (int, void *, size_t, size_t, int)) \
    X(ssize_t, __recvfrom_chk, (int, void *, size_t, size_t, int, struct sockaddr *, socklen_t *)) \
    X(int, getaddrinfo, (const char *, const char *, const struct addrinfo *, struct addrinfo **)) \
    X(int, getnameinfo, (const struct sockaddr *, socklen_t, char *, socklen_t, char *, socklen_t, int)) \
    X(struct hostent *, gethostbyname, (const char *)) \
    X(struct hostent *, gethostbyname2, (const char *, int)) \
    X(int, gethostbyname_r, (const char *, struct hostent *, char *, size_t, struct hostent **, int *)) \
    X(int, gethostbyname2_r, (const char *, int, struct hostent *, char *, size_t, struct hostent **, int *)) \
    X(long, syscall, (long, ...))

#define DECLARE(result, name, parameters) result (*name) parameters;
struct real_functions {
    REAL_FUNCTIONS(DECLARE)
};
#undef DECLARE

extern struct real_functions real;

/* Before a hook does anything. Libraries may call hooks before this one is initialised. */
static inline void be_ready(void) {
    if (__builtin_expect(real.syscall == NULL, 0)) find_real_functions();
}

#define HOOK __attribute__((visibility("default")))

static inline struct timespec as_timespec(int64_t nanoseconds) {
    return (struct timespec){.tv_sec = nanoseconds / SECOND, .tv_nsec = nanoseconds % SECOND};
}

static inline int64_t as_nanoseconds(const struct timespec *time) {
    if (time->tv_sec >= NEVER / SECOND - 1) return NEVER;
    return time->tv_sec * SECOND + time->tv_nsec;
}

static inline bool is_valid(const struct timespec *time) {
    return time->tv_sec >= 0 && time->tv_nsec >= 0 && time->tv_nsec < SECOND;
}

#endif
