/* This process as a part of the client: attached when it starts, and again when it forks. */
#include "real.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct shared *attached_file;

static pid_t attached_pid;
static __thread pid_t thread_id;

/* Not in glibc's shared object, and not needed where the loader cannot find it. */
extern int pthread_atfork(void (*)(void), void (*)(void), void (*)(void)) __attribute__((weak));

struct shared *attached(void) {
    be_ready();
    if (attached_file == NULL) return NULL;
    /* After vfork this is the memory of the parent, which must not learn of what the child does. */
    return kernel_call(SYS_getpid, 0, 0, 0, 0, 0, 0) == attached_pid ? attached_file : NULL;
}

pid_t own_thread(void) {
    if (thread_id == 0) thread_id = (pid_t)kernel_call(SYS_gettid, 0, 0, 0, 0, 0, 0);
    return thread_id;
}

/* What a process with this pid left in the file: it has died, or has replaced itself by another program. */
static void remove_traces(struct shared *shared, pid_t pid) {
    uint32_t used = atomic_load(&shared->pending_used);
    for (uint32_t index = 0; index < used; index++) {
        int32_t owner = pid;
        atomic_compare_exchange_strong(&shared->pending_requests[index].pid, &owner, 0);
    }
    used = atomic_load(&shared->waiters_used);
    for (uint32_t index = 0; index < used; index++) {
        int32_t owner = pid;
        atomic_compare_exchange_strong(&shared->waiters[index].pid, &owner, 0);
    }
}

/* An entry of the table of processes is a pid, or a negated one. */
bool is_listed(struct shared *shared, int32_t entry) {
    uint32_t used = atomic_load(&shared->processes_used);
    for (uint32_t index = 0; index < used; index++)
        if (atomic_load(&shared->processes[index]) == entry) return true;
    return false;
}

static void replace(struct shared *shared, int32_t entry, int32_t by) {
    uint32_t used = atomic_load(&shared->processes_used);
    for (uint32_t index = 0; index < used; index++) {
        int32_t found = entry;
        atomic_compare_exchange_strong(&shared->processes[index], &found, by);
    }
}

void forget_process(struct shared *shared, pid_t pid) {
    remove_traces(shared, pid);
    replace(shared, pid, 0);
    replace(shared, -pid, 0);
}

static bool list(struct shared *shared, int32_t entry) {
    for (uint32_t index = 0; index < PROCESSES; index++) {
        int32_t nobody = 0;
        if (!atomic_compare_exchange_strong(&shared->processes[index], &nobody, entry)) continue;
        uint32_t used = atomic_load(&shared->processes_used);
        while (used <= index && !atomic_compare_exchange_weak(&shared->processes_used, &used, index + 1)) {}
        return true;
    }
    return false;
}

static void forget_the_dead(struct shared *shared) {
    for (uint32_t index = 0; index < PROCESSES; index++) {
        int32_t entry = atomic_load(&shared->processes[index]);
        pid_t pid = entry < 0 ? -entry : entry;
        if (pid != 0 && thread_state(pid, pid) == 0) forget_process(shared, pid);
    }
}

/* Where there is no room at all, the others see a child that is not listed, and do not leap. */
static void list_somewhere(struct shared *shared, int32_t entry) {
    if (is_listed(shared, entry) || list(shared, entry)) return;
    forget_the_dead(shared);
    list(shared, entry);
}

static void attach_process(struct shared *shared, pid_t pid) {
    remove_traces(shared, pid);
    atomic_fetch_add(&shared->attached, 1);
    list_somewhere(shared, pid);
    replace(shared, -pid, 0);
}

static void attach_this_process(void) {
    attached_pid = (pid_t)kernel_call(SYS_getpid, 0, 0, 0, 0, 0, 0);
    attach_process(attached_file, attached_pid);
}

static void after_fork_in_child(void) {
    thread_id = 0;
    forget_timers();
    attach_this_process();
}

/* A child whose parent ends at once is nobody's child, and must be known before it runs. */
HOOK pid_t fork(void) {
    be_ready();
    struct shared *shared = attached();
    pid_t child = real.fork();
    if (child <= 0 || shared == NULL) return child;
    int before = errno;
    list_somewhere(shared, -child);
    if (is_listed(shared, child)) replace(shared, -child, 0); /* it was faster */
    errno = before;
    return child;
}

/* The next program of this process attaches, or is a stranger to the clock. */
static struct shared *before_exec(void) {
    struct shared *shared = attached();
    if (shared != NULL) replace(shared, attached_pid, -attached_pid);
    return shared;
}

static int exec_failed(struct shared *shared) {
    if (shared != NULL) replace(shared, -attached_pid, attached_pid);
    return -1;
}

#define EXECUTES(call)                      \
    be_ready();                             \
    struct shared *shared = before_exec();  \
    call;                                   \
    return exec_failed(shared)

HOOK int execve(const char *path, char *const arguments[], char *const environment[]) {
    EXECUTES(real.execve(path, arguments, environment));
}

HOOK int fexecve(int fd, char *const arguments[], char *const environment[]) {
    EXECUTES(real.fexecve(fd, arguments, environment));
}

HOOK int execv(const char *path, char *const arguments[]) {
    EXECUTES(real.execv(path, arguments));
}

HOOK int execvp(const char *file, char *const arguments[]) {
    EXECUTES(real.execvp(file, arguments));
}

HOOK int execvpe(const char *file, char *const arguments[], char *const environment[]) {
    EXECUTES(real.execvpe(file, arguments, environment));
}

/* The arguments of execl and its like as an array, and what follows their end. */
#define COLLECT(first)                                                        \
    va_list given;                                                            \
    size_t count = 1;                                                         \
    va_start(given, first);                                                   \
    while (va_arg(given, char *) != NULL) count++;                            \
    va_end(given);                                                            \
    char *arguments[count + 1];                                               \
    arguments[0] = (char *)first;                                             \
    va_start(given, first);                                                   \
    for (size_t at = 1; at <= count; at++) arguments[at] = va_arg(given, char *)

HOOK int execl(const char *path, const char *first, ...) {
    COLLECT(first);
    va_end(given);
    return execv(path, arguments);
}

HOOK int execlp(const char *file, const char *first, ...) {
    COLLECT(first);
    va_end(given);
    return execvp(file, arguments);
}

HOOK int execle(const char *path, const char *first, ...) {
    COLLECT(first);
    char *const *environment = va_arg(given, char *const *);
    va_end(given);
    return execve(path, arguments, environment);
}

/* Go waits, sends and reads clocks by system calls of its own, even where it loads libc. To the others such a process
 * must look like what it is, one that does not share the clock. */
static bool is_go_note(const char *notes, size_t length) {
    for (size_t at = 0; at + sizeof(ElfW(Nhdr)) <= length;) {
        const ElfW(Nhdr) *note = (const ElfW(Nhdr) *)(notes + at);
        const char *name = notes + at + sizeof *note;
        if (note->n_namesz == sizeof "Go\0" && memcmp(name, "Go\0", sizeof "Go\0") == 0) return true;
        at += sizeof *note + ((note->n_namesz + 3) & ~3u) + ((note->n_descsz + 3) & ~3u);
    }
    return false;
}

static bool is_go_program(void) {
    const ElfW(Phdr) *headers = (const ElfW(Phdr) *)getauxval(AT_PHDR);
    size_t count = getauxval(AT_PHNUM);
    uintptr_t base = 0;
    for (size_t index = 0; headers != NULL && index < count; index++)
        if (headers[index].p_type == PT_PHDR) base = (uintptr_t)headers - headers[index].p_vaddr;
    for (size_t index = 0; headers != NULL && index < count; index++)
        if (headers[index].p_type == PT_NOTE)
            if (is_go_note((const char *)(base + headers[index].p_vaddr), headers[index].p_memsz)) return true;
    return false;
}

__attribute__((constructor)) static void attach(void) {
    const char *path = getenv("POLLPROOF_LEAP_FILE");
    int before = errno;
    find_real_functions();
    if (path == NULL || is_go_program()) return;
    int fd = (int)kernel_call(SYS_openat, AT_FDCWD, (long)path, O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0, 0, 0);
    if (fd >= 0) {
        struct stat status;
        if (fstat(fd, &status) == 0 && status.st_size == (off_t)sizeof(struct shared)) {
            struct shared *file = mmap(NULL, sizeof *file, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
            if (file != MAP_FAILED && atomic_load(&file->magic) == MAGIC) {
                attached_file = file;
                attach_this_process();
                if (pthread_atfork != NULL) pthread_atfork(NULL, NULL, after_fork_in_child);
            }
        }
        real.close(fd);
    }
    errno = before;
}
