/* The control socket: one command a connection, one line of JSON as its answer.
 *
 *   read             the clock as it is
 *   advance SECONDS  move it forward
 *   rate FACTOR      let it run so many times as fast as the machine's; other than 1 it does not leap
 *   hold, release    keep it from leaping; let it leap
 */
#include "supervisor.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE (10 * SECOND) /* for a command to arrive */

int open_control(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        fail("the control socket");
    }
    strcpy(address.sun_path, path);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 8) != 0)
        fail("the control socket");
    return listener;
}

static bool number_in(const char *text, double *number) {
    char *end;
    *number = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*number) && *number >= 0;
}

static bool obey(const char *command) {
    static bool is_held;
    double number;
    if (strcmp(command, "read") == 0) return true;
    if (strncmp(command, "advance ", 8) == 0 && number_in(command + 8, &number) && number < 1e9) {
        move_clock_by((int64_t)(number * (double)SECOND));
        return true;
    }
    if (strncmp(command, "rate ", 5) == 0 && number_in(command + 5, &number) && number >= 0.001 && number <= 1e6) {
        now(); /* what has passed until here, at the old rate */
        clock_rate = number;
        atomic_store(&clock_file->has_rate, number != 1);
        return true;
    }
    bool holds = strcmp(command, "hold") == 0;
    if (!holds && strcmp(command, "release") != 0) return false;
    if (holds != is_held) atomic_fetch_add(&clock_file->holds, holds ? 1 : -1);
    is_held = holds;
    return true;
}

/* One connection at a time. The program itself may have made it, and sends its command while it is supervised. */
static int stream = -1;
static int64_t accepted;

static void write_answer(bool obeyed) {
    char answer[256];
    if (obeyed) {
        int64_t date = machine_clock(CLOCK_REALTIME) + atomic_load(&clock_file->offset) + atomic_load(&clock_file->date_shift);
        snprintf(answer, sizeof answer,
                 "{\"monotonic\": %.9f, \"date\": %.9f, \"leapt\": %.9f, \"leaps\": %lld, \"rate\": %g}\n",
                 (double)now() / (double)SECOND, (double)date / (double)SECOND,
                 (double)atomic_load(&clock_file->leapt) / (double)SECOND, (long long)atomic_load(&clock_file->leaps),
                 clock_rate);
    } else {
        snprintf(answer, sizeof answer,
                 "{\"error\": \"expected read, advance SECONDS, rate FACTOR, hold or release\"}\n");
    }
    send(stream, answer, strlen(answer), MSG_NOSIGNAL | MSG_DONTWAIT);
}

int control_file(int listener) {
    if (stream >= 0 && machine_now() - accepted > PATIENCE) {
        close(stream);
        stream = -1;
    }
    return stream >= 0 ? stream : listener;
}

void serve_control(int listener) {
    char command[128];
    if (stream < 0) {
        stream = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        accepted = machine_now();
        return;
    }
    ssize_t length = read(stream, command, sizeof command - 1);
    if (length > 0) {
        command[length] = '\0';
        command[strcspn(command, "\r\n")] = '\0';
        write_answer(obey(command));
    }
    close(stream);
    stream = -1;
}
