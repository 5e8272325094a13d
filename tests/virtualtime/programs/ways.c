/* ways WAY: waits in one way, for as many seconds as the table at the end says; without a word prints the table.
 *
 * It first sleeps for a thousand seconds, so that a time of the machine is not taken for one of the program. Prints
 * what has passed since then, by five clocks.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EXPECT(condition) do { if (!(condition)) fail(#condition, __LINE__); } while (0)

static void fail(const char *what, int line) {
    fprintf(stderr, "line %d: %s, errno %d (%s)\n", line, what, errno, strerror(errno));
    _exit(3);
}

static double now_by(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static struct timespec in(clockid_t clock, int seconds) {
    struct timespec time;
    clock_gettime(clock, &time);
    time.tv_sec += seconds;
    return time;
}

static void pass(int seconds) {
    struct timespec time = {.tv_sec = seconds};
    while (nanosleep(&time, &time) != 0) EXPECT(errno == EINTR);
}

static volatile sig_atomic_t caught;

static void count(int signal) {
    (void)signal;
    caught++;
}

static void handle(int number) {
    struct sigaction action = {.sa_handler = count};
    sigaction(number, &action, NULL);
}

static pid_t child_for(int seconds, int status) {
    pid_t child = fork();
    if (child != 0) return child;
    pass(seconds);
    _exit(status);
}

static void expect_child(pid_t child, int status) {
    int found;
    EXPECT(waitpid(child, &found, 0) == child);
    EXPECT(WIFEXITED(found) && WEXITSTATUS(found) == status);
}

static pthread_t thread_for(void *(*body)(void *), void *argument) {
    pthread_t thread;
    EXPECT(pthread_create(&thread, NULL, body, argument) == 0);
    return thread;
}

/* Waits with a mask, which a signal ends. */

static void ppoll_mask(void) {
    sigset_t blocked, none;
    struct timespec time = {.tv_sec = 60};
    sigemptyset(&none);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGALRM);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    handle(SIGALRM);
    alarm(20);
    EXPECT(ppoll(NULL, 0, &time, &none) == -1 && errno == EINTR && caught == 1);
    time.tv_sec = 10;
    EXPECT(ppoll(NULL, 0, &time, &none) == 0);
}

static void pselect_mask(void) {
    sigset_t blocked, none;
    struct timespec time = {.tv_sec = 60};
    sigemptyset(&none);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    handle(SIGCHLD);
    pid_t child = child_for(20, 4);
    EXPECT(pselect(0, NULL, NULL, NULL, &time, &none) == -1 && errno == EINTR && caught == 1);
    expect_child(child, 4);
    time.tv_sec = 10;
    EXPECT(pselect(0, NULL, NULL, NULL, &time, &none) == 0);
}

/* Semaphores, conditions, locks. */

static sem_t semaphore;

static void *post_later(void *seconds) {
    pass((int)(intptr_t)seconds);
    sem_post(&semaphore);
    return NULL;
}

static void semaphores(void) {
    sem_init(&semaphore, 0, 0);
    struct timespec until = in(CLOCK_REALTIME, 10);
    EXPECT(sem_timedwait(&semaphore, &until) == -1 && errno == ETIMEDOUT);
    pthread_t thread = thread_for(post_later, (void *)20);
    until = in(CLOCK_REALTIME, 60);
    EXPECT(sem_timedwait(&semaphore, &until) == 0);
    pthread_join(thread, NULL);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition;

static void *signal_later(void *seconds) {
    pass((int)(intptr_t)seconds);
    pthread_mutex_lock(&mutex);
    pthread_cond_signal(&condition);
    pthread_mutex_unlock(&mutex);
    return NULL;
}

static void conditions(clockid_t clock) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, clock);
    pthread_cond_init(&condition, &attributes);
    struct timespec until = in(clock, 10);
    pthread_mutex_lock(&mutex);
    int result;
    while ((result = pthread_cond_timedwait(&condition, &mutex, &until)) == 0) {}
    EXPECT(result == ETIMEDOUT);
    pthread_t thread = thread_for(signal_later, (void *)20);
    until = in(clock, 60);
    EXPECT(pthread_cond_timedwait(&condition, &mutex, &until) == 0);
    pthread_mutex_unlock(&mutex);
    pthread_join(thread, NULL);
}

static void condition_monotonic(void) {
    conditions(CLOCK_MONOTONIC);
}

static void condition_realtime(void) {
    conditions(CLOCK_REALTIME);
}

static void *lock_for(void *seconds) {
    pthread_mutex_lock(&mutex);
    sem_post(&semaphore);
    pass((int)(intptr_t)seconds);
    pthread_mutex_unlock(&mutex);
    return NULL;
}

static void mutexes(void) {
    sem_init(&semaphore, 0, 0);
    pthread_t thread = thread_for(lock_for, (void *)30);
    sem_wait(&semaphore);
    struct timespec until = in(CLOCK_REALTIME, 10);
    EXPECT(pthread_mutex_timedlock(&mutex, &until) == ETIMEDOUT);
    until = in(CLOCK_REALTIME, 60);
    EXPECT(pthread_mutex_timedlock(&mutex, &until) == 0);
    pthread_join(thread, NULL);
}

static void *pass_in_thread(void *seconds) {
    pass((int)(intptr_t)seconds);
    return NULL;
}

static void joins(void) {
    pthread_t thread = thread_for(pass_in_thread, (void *)30);
    struct timespec until = in(CLOCK_REALTIME, 10);
    EXPECT(pthread_timedjoin_np(thread, NULL, &until) == ETIMEDOUT);
    until = in(CLOCK_REALTIME, 60);
    EXPECT(pthread_timedjoin_np(thread, NULL, &until) == 0);
}

/* Message queues. */

static mqd_t queue;

static void *send_later(void *seconds) {
    pass((int)(intptr_t)seconds);
    EXPECT(mq_send(queue, "x", 1, 0) == 0);
    return NULL;
}

static void message_queue(void) {
    char name[32], text[16];
    struct mq_attr attributes = {.mq_maxmsg = 1, .mq_msgsize = 16};
    snprintf(name, sizeof name, "/ways-%d", getpid());
    queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attributes);
    EXPECT(queue >= 0);
    mq_unlink(name);
    struct timespec until = in(CLOCK_REALTIME, 5);
    EXPECT(mq_timedreceive(queue, text, sizeof text, NULL, &until) == -1 && errno == ETIMEDOUT);
    pthread_t thread = thread_for(send_later, (void *)20);
    until = in(CLOCK_REALTIME, 60);
    EXPECT(mq_timedreceive(queue, text, sizeof text, NULL, &until) == 1);
    pthread_join(thread, NULL);
    EXPECT(mq_send(queue, "x", 1, 0) == 0);
    until = in(CLOCK_REALTIME, 5);
    EXPECT(mq_timedsend(queue, "y", 1, 0, &until) == -1 && errno == ETIMEDOUT);
}

/* Signals and timers. */

static void sigtimedwait_timer(void) {
    sigset_t set;
    siginfo_t info;
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct itimerspec at = {.it_value = {.tv_sec = 20}};
    struct timespec limit = {.tv_sec = 60};
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    EXPECT(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    EXPECT(timer_settime(timer, 0, &at, NULL) == 0);
    EXPECT(sigtimedwait(&set, &info, &limit) == SIGUSR1);
    limit.tv_sec = 10;
    EXPECT(sigtimedwait(&set, &info, &limit) == -1 && errno == EAGAIN);
}

static void post_from_timer(union sigval value) {
    (void)value;
    sem_post(&semaphore);
}

static void timer_thread(void) {
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = post_from_timer};
    struct itimerspec at = {.it_value = {.tv_sec = 10}, .it_interval = {.tv_sec = 10}};
    sem_init(&semaphore, 0, 0);
    EXPECT(timer_create(CLOCK_REALTIME, &event, &timer) == 0);
    EXPECT(timer_settime(timer, 0, &at, NULL) == 0);
    for (int round = 0; round < 3; round++) while (sem_wait(&semaphore) != 0) EXPECT(errno == EINTR);
    timer_delete(timer);
}

static void interval_timer(void) {
    struct itimerval every = {.it_value = {.tv_sec = 10}, .it_interval = {.tv_sec = 10}}, never = {0};
    sigset_t blocked, before;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGALRM);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    handle(SIGALRM);
    setitimer(ITIMER_REAL, &every, NULL);
    while (caught < 3) sigsuspend(&before);
    setitimer(ITIMER_REAL, &never, NULL);
}

static void alarm_waitpid(void) {
    int status;
    handle(SIGALRM);
    pid_t child = child_for(600, 0);
    alarm(30);
    EXPECT(waitpid(child, &status, 0) == -1 && errno == EINTR && caught == 1);
    kill(child, SIGKILL);
    EXPECT(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
}

static void alarm_read(void) {
    int ends[2];
    char letter;
    EXPECT(pipe(ends) == 0);
    handle(SIGALRM);
    alarm(30);
    EXPECT(read(ends[0], &letter, 1) == -1 && errno == EINTR && caught == 1);
}

static void signal_descriptor(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    struct pollfd file = {.fd = signalfd(-1, &set, SFD_CLOEXEC), .events = POLLIN};
    EXPECT(poll(&file, 1, 10000) == 0);
    pid_t child = child_for(20, 0);
    EXPECT(poll(&file, 1, 60000) == 1);
    expect_child(child, 0);
}

/* Sockets with time-outs of their own. */

static void with_timeout(int option, int *one, int *other) {
    int ends[2];
    struct timeval limit = {.tv_sec = 10};
    EXPECT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    EXPECT(setsockopt(ends[0], SOL_SOCKET, option, &limit, sizeof limit) == 0);
    *one = ends[0];
    *other = ends[1];
}

static void receive_timeouts(void) {
    int one, other;
    char text[8];
    struct iovec part = {text, sizeof text};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    with_timeout(SO_RCVTIMEO, &one, &other);
    EXPECT(recv(one, text, sizeof text, 0) == -1 && errno == EAGAIN);
    EXPECT(recvmsg(one, &message, 0) == -1 && errno == EAGAIN);
    EXPECT(recvfrom(one, text, sizeof text, 0, NULL, NULL) == -1 && errno == EAGAIN);
    EXPECT(send(other, "x", 1, 0) == 1 && recv(one, text, sizeof text, 0) == 1);
    EXPECT(fcntl(one, F_SETFL, O_NONBLOCK) == 0);
    EXPECT(recv(one, text, sizeof text, 0) == -1 && errno == EAGAIN);
}

static void send_timeout(void) {
    int one, other;
    static char text[4096];
    with_timeout(SO_SNDTIMEO, &one, &other);
    while (send(one, text, sizeof text, MSG_DONTWAIT) > 0) {}
    EXPECT(send(one, text, sizeof text, 0) == -1 && errno == EAGAIN);
    EXPECT(write(one, text, sizeof text) == -1 && errno == EAGAIN);
}

static void several_messages(void) {
    int one, other;
    char text[2][8];
    struct iovec parts[2] = {{text[0], 8}, {text[1], 8}};
    struct mmsghdr messages[2] = {{.msg_hdr = {.msg_iov = parts, .msg_iovlen = 1}},
                                  {.msg_hdr = {.msg_iov = parts + 1, .msg_iovlen = 1}}};
    with_timeout(SO_RCVTIMEO, &one, &other);
    EXPECT(recvmmsg(one, messages, 2, 0, NULL) == -1 && errno == EAGAIN);
}

static void client_timeout(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {.tv_sec = 10};
    socklen_t length = sizeof address;
    char letter;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), stream = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT(bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, 1) == 0);
    getsockname(listener, (struct sockaddr *)&address, &length);
    EXPECT(setsockopt(stream, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0);
    EXPECT(connect(stream, (struct sockaddr *)&address, sizeof address) == 0);
    EXPECT(recv(stream, &letter, 1, 0) == -1 && errno == EAGAIN);
}

static void accept_timeout(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {.tv_sec = 10};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT(bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, 1) == 0);
    EXPECT(setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0);
    EXPECT(accept(listener, NULL, NULL) == -1 && errno == EAGAIN);
}

/* Raw calls. */

static void raw_epoll_pwait2(void) {
    struct epoll_event event;
    struct timespec time = {.tv_sec = 30, .tv_nsec = 500};
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    EXPECT(syscall(441, epoll, &event, 1, &time, NULL, 0) == 0);
}

static void several_futexes(void) {
    static uint32_t words[2];
    struct { uint64_t value, address; uint32_t flags, reserved; } waiters[2] = {
        {0, (uintptr_t)&words[0], 2 | 128, 0}, {0, (uintptr_t)&words[1], 2 | 128, 0}};
    struct timespec until = in(CLOCK_MONOTONIC, 10);
    long result = syscall(449, waiters, 2, 0, &until, CLOCK_MONOTONIC);
    EXPECT(result == -1 && (errno == ETIMEDOUT || errno == ENOSYS));
    if (errno == ENOSYS) pass(10);
}

static void raw_futex(void) {
    static uint32_t word;
    struct timespec time = {.tv_sec = 15}, until = in(CLOCK_REALTIME, 30);
    EXPECT(syscall(SYS_futex, &word, FUTEX_WAIT, 0, &time, NULL, 0) == -1 && errno == ETIMEDOUT);
    EXPECT(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &until, NULL, UINT32_MAX) == -1);
    EXPECT(errno == ETIMEDOUT);
}

/* Absolute times of every clock, and clocks that are read. */

static void absolute_times(void) {
    static const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_TAI};
    for (int index = 0; index < 4; index++) {
        struct timespec until = in(clocks[index], 10);
        EXPECT(clock_nanosleep(clocks[index], TIMER_ABSTIME, &until, NULL) == 0);
        EXPECT(now_by(clocks[index]) >= (double)until.tv_sec);
    }
}

static void coarse_clocks(void) {
    double until = now_by(CLOCK_MONOTONIC_COARSE) + 15;
    while (now_by(CLOCK_MONOTONIC_COARSE) < until) usleep(100000);
    until = now_by(CLOCK_REALTIME_COARSE) + 15;
    while (now_by(CLOCK_REALTIME_COARSE) < until) usleep(100000);
}

static void ticks(void) {
    struct tms spent;
    clock_t until = times(&spent) + 30 * sysconf(_SC_CLK_TCK);
    while (times(&spent) < until) usleep(100000);
    EXPECT(spent.tms_utime + spent.tms_stime < 30 * sysconf(_SC_CLK_TCK));
}

static void uptime(void) {
    struct sysinfo info;
    EXPECT(sysinfo(&info) == 0);
    long until = info.uptime + 30;
    while (sysinfo(&info) == 0 && info.uptime < until) usleep(100000);
}

/* Timer descriptors. */

static void timer_of_date(void) {
    uint64_t expiries;
    struct itimerspec at = {.it_value = in(CLOCK_REALTIME, 30)};
    int timer = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC);
    EXPECT(timerfd_settime(timer, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &at, NULL) == 0);
    EXPECT(read(timer, &expiries, sizeof expiries) == sizeof expiries && expiries == 1);
}

static void nested_loops(void) {
    struct itimerspec every = {.it_value = {.tv_sec = 10}, .it_interval = {.tv_sec = 10}};
    struct epoll_event event = {.events = EPOLLIN};
    uint64_t expiries;
    int inner = epoll_create1(EPOLL_CLOEXEC), outer = epoll_create1(EPOLL_CLOEXEC);
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    timerfd_settime(timer, 0, &every, NULL);
    EXPECT(epoll_ctl(inner, EPOLL_CTL_ADD, timer, &event) == 0);
    EXPECT(epoll_ctl(outer, EPOLL_CTL_ADD, inner, &event) == 0);
    for (int round = 0; round < 3; round++) {
        EXPECT(epoll_wait(outer, &event, 1, round == 1 ? -1 : 60000) == 1);
        EXPECT(read(timer, &expiries, sizeof expiries) == sizeof expiries && expiries == 1);
    }
}

/* Processes. */

static void emptied_environment(void) {
    char *words[] = {"sleep", "2", NULL}, *nothing[] = {NULL};
    pid_t child = fork();
    if (child == 0) execve("/bin/sleep", words, nothing);
    expect_child(child, 0);
}

static void vfork_exec(void) {
    char *words[] = {"sleep", "30", NULL};
    pid_t child = vfork();
    if (child == 0) {
        execv("/bin/sleep", words);
        _exit(5);
    }
    expect_child(child, 0);
}

static void daemon_process(void) {
    int ends[2];
    char letter;
    EXPECT(pipe(ends) == 0);
    pid_t child = fork();
    if (child == 0) {
        setsid();
        if (fork() != 0) _exit(0);
        pass(30);
        EXPECT(write(ends[1], "x", 1) == 1);
        _exit(0);
    }
    expect_child(child, 0);
    EXPECT(read(ends[0], &letter, 1) == 1);
}

static void pipes(void) {
    int ends[2];
    char letter;
    EXPECT(pipe(ends) == 0);
    pid_t child = fork();
    if (child == 0) {
        for (int round = 0; round < 3; round++) {
            pass(10);
            EXPECT(write(ends[1], "x", 1) == 1);
        }
        _exit(0);
    }
    struct pollfd file = {.fd = ends[0], .events = POLLIN};
    EXPECT(read(ends[0], &letter, 1) == 1);
    EXPECT(poll(&file, 1, 60000) == 1 && read(ends[0], &letter, 1) == 1);
    EXPECT(poll(&file, 1, -1) == 1 && read(ends[0], &letter, 1) == 1);
    expect_child(child, 0);
}

static void unix_sockets(void) {
    int ends[2];
    char letter;
    EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        while (recv(ends[1], &letter, 1, 0) == 1) {
            pass(10);
            EXPECT(send(ends[1], "y", 1, 0) == 1);
        }
        _exit(0);
    }
    close(ends[1]);
    struct timeval limit = {.tv_sec = 15};
    setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    for (int round = 0; round < 3; round++)
        EXPECT(send(ends[0], "x", 1, 0) == 1 && recv(ends[0], &letter, 1, 0) == 1);
    close(ends[0]);
    expect_child(child, 0);
}

static void file_events(void) {
    char folder[] = "/tmp/ways-XXXXXX", path[64];
    EXPECT(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/file", folder);
    struct pollfd file = {.fd = inotify_init1(IN_CLOEXEC), .events = POLLIN};
    EXPECT(inotify_add_watch(file.fd, folder, IN_CREATE) >= 0);
    EXPECT(poll(&file, 1, 10000) == 0);
    pid_t child = fork();
    if (child == 0) {
        pass(20);
        close(open(path, O_CREAT | O_WRONLY, 0600));
        _exit(0);
    }
    EXPECT(poll(&file, 1, 60000) == 1);
    expect_child(child, 0);
    unlink(path);
    rmdir(folder);
}

/* One computes while others sleep: nothing is leapt over before it is done, and then the rest is. */
static void *compute(void *argument) {
    double until = now_by(CLOCK_THREAD_CPUTIME_ID) + 0.2;
    while (now_by(CLOCK_THREAD_CPUTIME_ID) < until) {}
    return argument;
}

static void work_and_sleep(void) {
    pthread_t worker = thread_for(compute, NULL), sleeper = thread_for(pass_in_thread, (void *)30);
    double begun = now_by(CLOCK_MONOTONIC);
    pthread_join(worker, NULL);
    EXPECT(now_by(CLOCK_MONOTONIC) - begun < 29);
    pthread_join(sleeper, NULL);
}

static void processor_time(void) {
    pthread_t sleeper = thread_for(pass_in_thread, (void *)30);
    double until = now_by(CLOCK_PROCESS_CPUTIME_ID) + 0.05;
    while (now_by(CLOCK_PROCESS_CPUTIME_ID) < until) sched_yield();
    pthread_join(sleeper, NULL);
}

static void infinite_sleep(void) {
    int status;
    pid_t child = fork();
    if (child == 0) execl("/bin/sleep", "sleep", "infinity", NULL);
    pass(30);
    kill(child, SIGTERM);
    EXPECT(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
}

/* A server within the program, whose short second segment the kernel holds back until the first one is acknowledged. */
static int listener;

static void *serve(void *argument) {
    char text[64];
    int stream = accept(listener, NULL, NULL);
    while (recv(stream, text, sizeof text, 0) > 0) {
        EXPECT(send(stream, "head", 4, 0) == 4);
        EXPECT(send(stream, "body", 4, 0) == 4);
    }
    close(stream);
    return argument;
}

static void held_back(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int off = 0, stream = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT(bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, 1) == 0);
    getsockname(listener, (struct sockaddr *)&address, &length);
    pthread_t server = thread_for(serve, NULL);
    EXPECT(connect(stream, (struct sockaddr *)&address, sizeof address) == 0);
    struct pollfd file = {.fd = stream, .events = POLLIN};
    for (int round = 0; round < 10; round++) {
        char text[8];
        setsockopt(stream, IPPROTO_TCP, 12 /* TCP_QUICKACK */, &off, sizeof off);
        EXPECT(send(stream, "request", 7, 0) == 7);
        for (int got = 0, more; got < 8; got += more) {
            setsockopt(stream, IPPROTO_TCP, 12, &off, sizeof off);
            EXPECT(poll(&file, 1, 5000) == 1);
            more = (int)recv(stream, text, sizeof text - (size_t)got, 0);
            EXPECT(more > 0);
        }
        pass(3);
    }
    close(stream);
    pthread_join(server, NULL);
}

static const struct {
    const char *name;
    void (*wait)(void);
    double seconds;
} ways[] = {
    {"ppoll_mask", ppoll_mask, 30},
    {"pselect_mask", pselect_mask, 30},
    {"semaphores", semaphores, 30},
    {"condition_monotonic", condition_monotonic, 30},
    {"condition_realtime", condition_realtime, 30},
    {"mutexes", mutexes, 30},
    {"joins", joins, 30},
    {"message_queue", message_queue, 30},
    {"sigtimedwait_timer", sigtimedwait_timer, 30},
    {"timer_thread", timer_thread, 30},
    {"interval_timer", interval_timer, 30},
    {"alarm_waitpid", alarm_waitpid, 30},
    {"alarm_read", alarm_read, 30},
    {"signal_descriptor", signal_descriptor, 30},
    {"receive_timeouts", receive_timeouts, 30},
    {"send_timeout", send_timeout, 20},
    {"several_messages", several_messages, 10},
    {"client_timeout", client_timeout, 10},
    {"accept_timeout", accept_timeout, 10},
    {"raw_epoll_pwait2", raw_epoll_pwait2, 30},
    {"several_futexes", several_futexes, 10},
    {"raw_futex", raw_futex, 30},
    {"absolute_times", absolute_times, 40},
    {"coarse_clocks", coarse_clocks, 30},
    {"ticks", ticks, 30},
    {"uptime", uptime, 30},
    {"timer_of_date", timer_of_date, 30},
    {"nested_loops", nested_loops, 30},
    {"emptied_environment", emptied_environment, 2},
    {"vfork_exec", vfork_exec, 30},
    {"daemon_process", daemon_process, 30},
    {"pipes", pipes, 30},
    {"unix_sockets", unix_sockets, 30},
    {"file_events", file_events, 30},
    {"work_and_sleep", work_and_sleep, 30},
    {"processor_time", processor_time, 30},
    {"infinite_sleep", infinite_sleep, 30},
    {"held_back", held_back, 30},
};

int main(int number, char **words) {
    static const clockid_t clocks[] = {CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME, CLOCK_TAI, CLOCK_MONOTONIC_RAW};
    double before[5];
    for (size_t index = 0; index < sizeof ways / sizeof *ways; index++) {
        if (number == 1) printf("%s %g\n", ways[index].name, ways[index].seconds);
        if (number == 1 || strcmp(ways[index].name, words[1]) != 0) continue;
        pass(1000);
        for (int clock = 0; clock < 5; clock++) before[clock] = now_by(clocks[clock]);
        ways[index].wait();
        for (int clock = 0; clock < 5; clock++) printf("%.6f ", now_by(clocks[clock]) - before[clock]);
        return 0;
    }
    return number == 1 ? 0 : 2;
}
