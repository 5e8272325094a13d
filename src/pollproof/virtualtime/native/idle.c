/* Whether anything of the client runs, as the kernel sees it.
 *
 * A look reads the state of one thread after the other, so one thread may wake another behind its back. Therefore two
 * looks decide, some time apart: when all threads slept in both and none has run in between (its scheduling statistics
 * are the same), then there was a moment at which all of them slept.
 */
#include "real.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A text of at most this many letters is all that is read of any file. */
#define TEXT 512

/* A directory entry as the kernel writes it. */
struct entry {
    uint64_t inode;
    int64_t offset;
    uint16_t length;
    uint8_t type;
    char name[];
};

struct path {
    char text[80];
    size_t length;
};

static void add_text(struct path *path, const char *text) {
    while (*text != '\0' && path->length + 1 < sizeof path->text) path->text[path->length++] = *text++;
    path->text[path->length] = '\0';
}

static void add_number(struct path *path, long number) {
    char digits[24];
    size_t at = sizeof digits - 1;
    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    add_text(path, digits + at);
}

/* "/proc/PID/task[/TID/FILE]" */
static struct path path_of(pid_t pid, pid_t tid, const char *file) {
    struct path path = {.length = 0};
    add_text(&path, "/proc/");
    add_number(&path, pid);
    add_text(&path, "/task");
    if (tid != 0) {
        add_text(&path, "/");
        add_number(&path, tid);
        add_text(&path, "/");
        add_text(&path, file);
    }
    return path;
}

static int open_path(const struct path *path, int flags) {
    return (int)kernel_call(SYS_openat, AT_FDCWD, (long)path->text, O_RDONLY | O_CLOEXEC | flags, 0, 0, 0);
}

static void close_path(int fd) {
    kernel_call(SYS_close, fd, 0, 0, 0, 0, 0);
}

/* The file's text; -1 when there is no such file. */
static ssize_t read_text(pid_t pid, pid_t tid, const char *file, char text[TEXT]) {
    struct path path = path_of(pid, tid, file);
    int fd = open_path(&path, 0);
    if (fd < 0) return -1;
    ssize_t length = kernel_call(SYS_read, fd, (long)text, TEXT - 1, 0, 0, 0);
    close_path(fd);
    if (length < 0) return -1;
    text[length] = '\0';
    return length;
}

static bool is_dead(char state) {
    return state == 0 || state == 'Z' || state == 'X';
}

/* The state as in ps, 0 for a thread that has gone. */
char thread_state(pid_t pid, pid_t tid) {
    char text[TEXT];
    int before = errno;
    ssize_t length = read_text(pid, tid, "stat", text);
    errno = before;
    if (length <= 0) return 0;
    /* "TID (NAME) STATE ...", where the name may contain anything */
    const char *after_name = strrchr(text, ')');
    char state = after_name != NULL && after_name[1] == ' ' ? after_name[2] : 0;
    return is_dead(state) ? 0 : state;
}

static bool is_busy(char state) {
    return state == 'R' || state == 'D';
}

/* FNV-1a */
#define NO_LETTERS UINT64_C(14695981039346656037)
#define PRIME UINT64_C(1099511628211)

static void add_to_fingerprint(uint64_t *fingerprint, const char *text, ssize_t length) {
    for (ssize_t index = 0; index < length; index++)
        *fingerprint = (*fingerprint ^ (unsigned char)text[index]) * PRIME;
}

/* 0 for a name that is not a number: "." and ".." */
static long number_in(const char *text) {
    long number = 0;
    while (*text >= '0' && *text <= '9') number = number * 10 + (*text++ - '0');
    return number;
}

/* Whether the thread has a living child that does not share the clock: it is just starting, or is beyond our reach,
 * and what it does cannot be seen. */
static bool has_stranger(struct shared *shared, pid_t pid, pid_t tid, bool *alone) {
    struct path path = path_of(pid, tid, "children");
    int fd = open_path(&path, 0);
    bool found = false;
    pid_t child = 0;
    char text[TEXT];
    long length = fd;
    while (length >= 0 && !found && (length = kernel_call(SYS_read, fd, (long)text, TEXT, 0, 0, 0)) > 0) {
        for (long at = 0; at < length && !found; at++) {
            if (text[at] >= '0' && text[at] <= '9') {
                child = child * 10 + (text[at] - '0');
                continue;
            }
            if (child != 0) *alone = false;
            found = child != 0 && !is_listed(shared, child) && thread_state(child, child) != 0;
            child = 0;
        }
    }
    if (fd >= 0) close_path(fd);
    return found;
}

struct look {
    struct shared *shared;
    pid_t self;
    uint64_t fingerprint;
    bool is_first; /* of two */
    bool alone; /* no thread but the looking one has been seen */
    bool anyone;
    bool idle;
};

static void meet_stranger(struct look *look, pid_t pid) {
    atomic_fetch_add(&look->shared->strangers, 1);
    note_obstacle(look->shared, STRANGER, (uint32_t)pid);
    look->idle = false;
}

/* A thread counts as asleep from before it leaves its processor, and may find that it need not sleep at all. To read
 * this file is to wait until it has left, or to learn that it runs. */
static bool is_on_processor(pid_t pid, pid_t tid) {
    char text[TEXT];
    return read_text(pid, tid, "syscall", text) > 0 && text[0] == 'r';
}

static void look_at_thread(struct look *look, pid_t pid, pid_t tid, bool *living) {
    if (tid == look->self) {
        *living = true;
    } else {
        char state = thread_state(pid, tid);
        if (state == 0) return;
        *living = true;
        look->alone = false;
        char text[TEXT];
        ssize_t length = is_busy(state) ? -1 : read_text(pid, tid, "schedstat", text);
        if (length < 0 || (look->is_first && is_on_processor(pid, tid))) {
            note_obstacle(look->shared, THREAD_RUNS, (uint32_t)tid);
            look->idle = false;
            return;
        }
        add_to_fingerprint(&look->fingerprint, (const char *)&tid, sizeof tid);
        add_to_fingerprint(&look->fingerprint, text, length);
    }
    if (has_stranger(look->shared, pid, tid, &look->alone)) meet_stranger(look, pid);
}

static void look_at_process(struct look *look, pid_t pid) {
    struct path path = path_of(pid, 0, NULL);
    int folder = open_path(&path, O_DIRECTORY);
    bool living = false;
    while (folder >= 0 && look->idle) {
        _Alignas(struct entry) char entries[1024];
        long length = kernel_call(SYS_getdents64, folder, (long)entries, sizeof entries, 0, 0, 0);
        if (length <= 0) break;
        for (long at = 0; at < length && look->idle; at += ((struct entry *)(entries + at))->length) {
            pid_t tid = (pid_t)number_in(((struct entry *)(entries + at))->name);
            if (tid != 0) look_at_thread(look, pid, tid, &living);
        }
    }
    if (folder >= 0) close_path(folder);
    look->anyone = look->anyone || living;
    if (!living && look->idle) forget_process(look->shared, pid);
}

/* Whether there are threads of the client, and none of them is about to run, the calling one aside. `fingerprint` is a
 * number that is the same only when none of them has run since; it holds that of the last look, 0 for none. `alone` says
 * that there is only the calling one. */
bool client_is_idle(struct shared *shared, uint64_t *fingerprint, bool *alone) {
    int before = errno;
    struct look look = {.shared = shared,
                        .self = own_thread(),
                        .fingerprint = NO_LETTERS,
                        .is_first = *fingerprint == 0,
                        .alone = true,
                        .idle = true};
    uint32_t used = atomic_load(&shared->processes_used);
    for (uint32_t index = 0; index < used && look.idle; index++) {
        int32_t entry = atomic_load(&shared->processes[index]);
        if (entry > 0) look_at_process(&look, entry);
        else if (entry < 0 && thread_state(-entry, -entry) != 0) meet_stranger(&look, -entry);
        else if (entry < 0) forget_process(shared, -entry);
    }
    *fingerprint = look.fingerprint;
    *alone = look.alone;
    errno = before;
    return look.idle && look.anyone;
}
