/* As waits.py, in C, with threads. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct words {
    char **first;
    int count;
};

static void run(struct words words);

static void fail(const char *what, double took) {
    fprintf(stderr, "%s took %f s\n", what, took);
    _exit(3);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void get(const char *path) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    struct timeval limit = {.tv_sec = 60};
    char text[4096], host[64];
    int port, stream = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (sscanf(getenv("WAITS_URL"), "http://%63[^:]:%d", host, &port) != 2) fail("url", 0);
    address.sin_port = htons((uint16_t)port);
    inet_pton(AF_INET, host, &address.sin_addr);
    setsockopt(stream, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(stream, (struct sockaddr *)&address, sizeof address) != 0) fail("connect", 0);
    int length = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
    if (send(stream, text, (size_t)length, 0) != length) fail("send", 0);
    if (recv(stream, text, sizeof text, 0) <= 0) fail(path, -errno);
    close(stream);
}

static void wait_for(const char *way, double seconds) {
    struct timespec time = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)}, until;
    int milliseconds = (int)(seconds * 1000) + 1;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += time.tv_sec + (until.tv_nsec + time.tv_nsec) / 1000000000;
    until.tv_nsec = (until.tv_nsec + time.tv_nsec) % 1000000000;
    if (strcmp(way, "nanosleep") == 0) while (nanosleep(&time, &time) == -1 && errno == EINTR) {}
    else if (strcmp(way, "absolute") == 0) clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, NULL);
    else if (strcmp(way, "poll") == 0) poll(NULL, 0, milliseconds);
    else if (strcmp(way, "epoll") == 0) {
        struct epoll_event event;
        int epoll = epoll_create1(EPOLL_CLOEXEC);
        epoll_wait(epoll, &event, 1, milliseconds);
        close(epoll);
    } else if (strcmp(way, "semaphore") == 0) {
        sem_t semaphore;
        sem_init(&semaphore, 0, 0);
        while (sem_timedwait(&semaphore, &until) == -1 && errno == EINTR) {}
    } else if (strcmp(way, "timerfd") == 0) {
        struct itimerspec timer = {.it_value = time};
        uint64_t count;
        int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
        timerfd_settime(fd, 0, &timer, NULL);
        if (read(fd, &count, sizeof count) != sizeof count) fail(way, 0);
        close(fd);
    } else fail(way, 0);
}

static int cut(struct words words, char opens, char closes) {
    int depth = 0;
    for (int at = 0; at < words.count; at++) {
        char letter = words.first[at][0];
        if (depth == 0 && (letter == closes || (letter == '|' && opens == '{'))) return at;
        depth += (letter == opens) - (letter == closes);
    }
    fail("no end", 0);
    return 0;
}

static void *run_part(void *part) {
    run(*(struct words *)part);
    return NULL;
}

static int in_parallel(struct words words) {
    pthread_t threads[16];
    struct words parts[16];
    int at = 0, count = 0;
    for (;;) {
        struct words rest = {words.first + at, words.count - at};
        int length = cut(rest, '{', '}');
        parts[count] = (struct words){rest.first, length};
        count++;
        at += length + 1;
        if (rest.first[length][0] == '}') break;
    }
    for (int index = 0; index < count; index++) pthread_create(&threads[index], NULL, run_part, &parts[index]);
    for (int index = 0; index < count; index++) pthread_join(threads[index], NULL);
    return at;
}

static int in_child(const char *language, struct words words) {
    char name[64], command[1024], *arguments[256];
    int length = cut(words, '<', '>'), count = 0, status;
    snprintf(name, sizeof name, "WAITS_%s", language);
    snprintf(command, sizeof command, "%s", getenv(name));
    for (char *word = strtok(command, " "); word != NULL; word = strtok(NULL, " ")) arguments[count++] = word;
    for (int index = 0; index < length; index++) arguments[count++] = words.first[index];
    arguments[count] = NULL;
    pid_t child = fork();
    if (child == 0) {
        execv(arguments[0], arguments);
        _exit(5);
    }
    waitpid(child, &status, 0);
    if (status != 0) fail(language, status);
    return length + 1;
}

static void run(struct words words) {
    for (int at = 0; at < words.count;) {
        const char *word = words.first[at++];
        struct words rest = {words.first + at, words.count - at};
        char way[32];
        double seconds, begun = now();
        if (word[0] == '{') at += in_parallel(rest);
        else if (word[0] == '<') at += in_child(word + 1, rest);
        else if (strncmp(word, "get:", 4) == 0) get(word + 4);
        else if (sscanf(word, "%31[^:]:%lf", way, &seconds) == 2) {
            wait_for(way, seconds);
            if (now() - begun < seconds - 0.002) fail(word, now() - begun);
        }
    }
}

int main(int count, char **words) {
    run((struct words){words + 1, count - 1});
    return 0;
}
