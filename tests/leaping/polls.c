/* Polls so often, so many seconds apart: polls HOST PORT COUNT SECONDS. It prints the seconds by its own clock from the
 * first poll to the last. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int count, char **words) {
    static const char request[] = "GET /poll HTTP/1.1\r\nHost: localhost\r\n\r\n";
    struct sockaddr_in address = {.sin_family = AF_INET};
    char answer[4096];
    double first = 0, last = 0;
    if (count < 5) return 2;
    address.sin_port = htons((unsigned short)atoi(words[2]));
    inet_pton(AF_INET, words[1], &address.sin_addr);
    int polls = atoi(words[3]), stream = socket(AF_INET, SOCK_STREAM, 0);
    double seconds = atof(words[4]);
    struct timespec pause = {.tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
    if (connect(stream, (struct sockaddr *)&address, sizeof address) != 0) return 3;
    for (int poll = 0; poll < polls; poll++) {
        if (poll > 0) nanosleep(&pause, NULL);
        last = now();
        if (poll == 0) first = last;
        if (send(stream, request, strlen(request), 0) < 0 || recv(stream, answer, sizeof answer, 0) <= 0) return 4;
    }
    printf("%.9f\n", last - first);
    return 0;
}
