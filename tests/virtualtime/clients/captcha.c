/* A client of CapSolver: captcha WAY [FAULT]. It keeps the rules of the documents, and waits in the way that is named; a
 * fault breaks one rule. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *way, *fault = "";
static int polls, port;
static char host[64], answer[1 << 16];

static int has(const char *name) {
    return strcmp(fault, name) == 0;
}

static void fail(const char *reason) {
    fprintf(stderr, "%s\n", reason);
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static struct timespec spec(double seconds) {
    return (struct timespec){(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
}

static struct timespec date(clockid_t clock, double seconds) {
    struct timespec time, more = spec(seconds);
    clock_gettime(clock, &time);
    time.tv_sec += more.tv_sec + (time.tv_nsec + more.tv_nsec) / 1000000000;
    time.tv_nsec = (time.tv_nsec + more.tv_nsec) % 1000000000;
    return time;
}

static void caught(int number) {
    (void)number;
}

static void *sleep_in_thread(void *length) {
    struct timespec time = spec(*(double *)length);
    nanosleep(&time, NULL);
    return NULL;
}

static int is_way(const char *name) {
    return strcmp(way, name) == 0;
}

static void wait_for_signal(double seconds, int by_timer) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    struct timespec time = spec(seconds);
    if (by_timer) {
        timer_t timer;
        struct itimerspec value = {.it_value = time};
        timer_create(CLOCK_MONOTONIC, NULL, &timer);
        timer_settime(timer, 0, &value, NULL);
        while (sigwaitinfo(&set, NULL) < 0) {}
        timer_delete(timer);
    } else if (sigtimedwait(&set, NULL, &time) >= 0) fail("a signal out of nowhere");
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void wait_with_threads(double seconds, int by_condition) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
    pthread_t threads[3];
    if (by_condition) {
        struct timespec until = date(CLOCK_REALTIME, seconds);
        pthread_mutex_lock(&lock);
        while (pthread_cond_timedwait(&condition, &lock, &until) != ETIMEDOUT) {}
        pthread_mutex_unlock(&lock);
        return;
    }
    double lengths[3] = {seconds / 3, seconds, seconds / 2};
    for (int index = 0; index < 3; index++) pthread_create(&threads[index], NULL, sleep_in_thread, &lengths[index]);
    for (int index = 0; index < 3; index++) pthread_join(threads[index], NULL);
}

static void wait_for(double seconds) {
    struct timespec time = spec(seconds);
    struct timeval value = {time.tv_sec, time.tv_nsec / 1000 + 1};
    int milliseconds = (int)(seconds * 1000) + 1;
    if (is_way("nanosleep")) while (nanosleep(&time, &time) == -1 && errno == EINTR) {}
    else if (is_way("absolute")) {
        struct timespec until = date(CLOCK_MONOTONIC, seconds);
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    } else if (is_way("usleep")) for (int part = 0; part < 10; part++) usleep((unsigned)(seconds * 1e5) + 1);
    else if (is_way("poll")) poll(NULL, 0, milliseconds);
    else if (is_way("ppoll")) ppoll(NULL, 0, &time, NULL);
    else if (is_way("select")) select(0, NULL, NULL, NULL, &value);
    else if (is_way("pselect")) pselect(0, NULL, NULL, NULL, &time, NULL);
    else if (is_way("epoll")) {
        struct epoll_event event;
        int epoll = epoll_create1(0);
        epoll_wait(epoll, &event, 1, milliseconds);
        close(epoll);
    } else if (is_way("futex")) {
        uint32_t word = 0;
        syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &time, NULL, 0);
    } else if (is_way("semaphore")) {
        sem_t semaphore;
        struct timespec until = date(CLOCK_REALTIME, seconds);
        sem_init(&semaphore, 0, 0);
        while (sem_timedwait(&semaphore, &until) == -1 && errno == EINTR) {}
    } else if (is_way("condition")) wait_with_threads(seconds, 1);
    else if (is_way("threads")) wait_with_threads(seconds, 0);
    else if (is_way("timerfd")) {
        struct itimerspec timer = {.it_value = time};
        uint64_t count;
        int fd = timerfd_create(CLOCK_MONOTONIC, 0);
        timerfd_settime(fd, 0, &timer, NULL);
        if (read(fd, &count, sizeof count) != sizeof count) fail("timerfd");
        close(fd);
    } else if (is_way("alarm")) {
        struct itimerval timer = {.it_value = value};
        sigset_t set, before;
        signal(SIGALRM, caught);
        sigemptyset(&set);
        sigaddset(&set, SIGALRM);
        sigprocmask(SIG_BLOCK, &set, &before);
        setitimer(ITIMER_REAL, &timer, NULL);
        sigsuspend(&before);
        sigprocmask(SIG_SETMASK, &before, NULL);
    } else if (is_way("timer")) wait_for_signal(seconds, 1);
    else if (is_way("signal")) wait_for_signal(seconds, 0);
    else if (is_way("child")) {
        pid_t child = fork();
        if (child == 0) {
            nanosleep(&time, NULL);
            _exit(0);
        }
        waitpid(child, NULL, 0);
    } else if (is_way("receive")) {
        int pair[2];
        char byte;
        socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
        setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &value, sizeof value);
        recv(pair[0], &byte, 1, 0);
        close(pair[0]);
        close(pair[1]);
    } else fail("unknown way");
}

/* The value of a key as it stands in the text, with its quotes or brackets; 0 when it is not there. */
static int value_of(const char *text, const char *key, char *value, size_t room) {
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\":", key);
    const char *at = strstr(text, quoted);
    if (at == NULL) return 0;
    at += strlen(quoted);
    while (*at == ' ') at++;
    size_t length = 0;
    int depth = 0, quote = 0;
    for (; at[length] != '\0'; length++) {
        char letter = at[length];
        if (quote) {
            if (letter == '\\') length++;
            else if (letter == '"') quote = 0;
        } else if (letter == '"') quote = 1;
        else if (letter == '{' || letter == '[') depth++;
        else if ((letter == '}' || letter == ']' || letter == ',') && depth == 0) break;
        else if (letter == '}' || letter == ']') depth--;
    }
    snprintf(value, room, "%.*s", (int)length, at);
    return 1;
}

static void call(const char *method, const char *body) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct timeval limit = {.tv_sec = 30};
    static char request[1 << 16];
    inet_pton(AF_INET, host, &address.sin_addr);
    int stream = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(stream, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(stream, (struct sockaddr *)&address, sizeof address) != 0) fail("connect");
    int length = snprintf(request, sizeof request,
                          "POST /%s HTTP/1.1\r\nHost: %s:%d\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
                          "Connection: close\r\n\r\n%s",
                          method, host, port, strlen(body), body);
    if (send(stream, request, (size_t)length, 0) != length) fail("send");
    size_t size = 0;
    ssize_t more;
    while ((more = recv(stream, answer + size, sizeof answer - 1 - size, 0)) > 0) size += (size_t)more;
    answer[size] = '\0';
    close(stream);
    if (more < 0 || strstr(answer, "\r\n\r\n") == NULL) fail("no answer");
    memmove(answer, strstr(answer, "\r\n\r\n"), strlen(strstr(answer, "\r\n\r\n")) + 1);
}

static int is_refused(void) {
    char value[256];
    if (value_of(answer, "errorId", value, sizeof value) && strcmp(value, "0") != 0) return 1;
    return value_of(answer, "status", value, sizeof value) && strcmp(value, "\"failed\"") == 0;
}

static int is_ready(void) {
    char value[256];
    return value_of(answer, "status", value, sizeof value) && strcmp(value, "\"ready\"") == 0;
}

static void poll_task(const char *id) {
    char body[1024], own[256];
    snprintf(own, sizeof own, "%s", id);
    if (has("another-id")) snprintf(own, sizeof own, "%.*s0\"", (int)strlen(id) - 1, id);
    polls++;
    if (has("keyless-poll")) snprintf(body, sizeof body, "{\"taskId\": %s}", own);
    else snprintf(body, sizeof body, "{\"clientKey\": \"%s\", \"taskId\": %s}", getenv("POLLPROOF_API_KEY"), own);
    call("getTaskResult", body);
}

static void finish(void) {
    static char value[1 << 15];
    if (!value_of(answer, "solution", value, sizeof value)) fail("no solution");
    if (has("wrong-solution")) value[strlen(value) / 2] = '\0';
    puts(has("no-solution") ? "done" : value);
    exit(0);
}

static void give_up(const char *reason) {
    if (has("giving-up-as-success")) exit(0);
    fail(reason);
}

static double length_of_pause(void) {
    if (has("half-wait")) return 1.5;
    if (has("milliseconds")) return 0.003;
    if (has("every-second-too-short") && polls % 2 == 1) return 2.9;
    return has("over-budget") ? 2.05 : 3.01;
}

int main(int count, char **words) {
    static char body[1 << 15], task[1 << 14];
    char id[256];
    way = words[1];
    if (count > 2) fault = words[2];
    if (sscanf(getenv("POLLPROOF_BASE_URL"), "http://%63[^:]:%d", host, &port) != 2) fail("base URL");
    snprintf(task, sizeof task, "%s", getenv("POLLPROOF_TASK"));
    if (has("untyped-task")) memcpy(strstr(task, "\"type\""), "\"kind\"", 6);
    snprintf(body, sizeof body, "{\"clientKey\": \"%s\", \"task\": %s}", getenv("POLLPROOF_API_KEY"), task);
    double begun = now();
    call("createTask", body);
    if (is_refused()) give_up("refused");
    if (is_ready()) finish();
    if (!value_of(answer, "taskId", id, sizeof id)) fail("no task id");
    while (polls < 118 || (has("over-budget") && polls <= 120)) {
        if (now() - begun > 285 && !has("over-lifetime")) break;
        wait_for(length_of_pause());
        if (has("over-lifetime") && now() - begun > 290) {
            wait_for(30);
            poll_task(id);
            break;
        }
        poll_task(id);
        if (is_refused()) {
            if (has("failure-as-success")) {
                puts("done");
                return 0;
            }
            if (has("polls-on-after-error") && polls < 20) continue;
            give_up("failed");
        }
        if (!is_ready()) continue;
        if (has("polls-after-final")) {
            char kept[sizeof answer];
            memcpy(kept, answer, sizeof kept);
            wait_for(length_of_pause());
            poll_task(id);
            memcpy(answer, kept, sizeof kept);
        }
        finish();
    }
    give_up("never ready");
}
