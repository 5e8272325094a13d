/* This process as a part of the client: attached when it starts, and again when it forks. */
#include "real.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
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
    uint32_t used = atomic_load(&shared->flights_used);
    for (uint32_t index = 0; index < used; index++) {
        int32_t owner = pid;
        atomic_compare_exchange_strong(&shared->flights[index].pid, &owner, 0);
    }
    used = atomic_load(&shared->waiters_used);
    for (uint32_t index = 0; index < used; index++) {
        int32_t owner = pid;
        atomic_compare_exchange_strong(&shared->waiters[index].pid, &owner, 0);
    }
}

void forget_process(struct shared *shared, pid_t pid) {
    remove_traces(shared, pid);
    uint32_t used = atomic_load(&shared->processes_used);
    for (uint32_t index = 0; index < used; index++) {
        int32_t owner = pid;
        atomic_compare_exchange_strong(&shared->processes[index], &owner, 0);
    }
}

static bool is_listed(struct shared *shared, pid_t pid) {
    uint32_t used = atomic_load(&shared->processes_used);
    for (uint32_t index = 0; index < used; index++)
        if (atomic_load(&shared->processes[index]) == pid) return true;
    return false;
}

static bool list(struct shared *shared, pid_t pid) {
    for (uint32_t index = 0; index < PROCESSES; index++) {
        int32_t nobody = 0;
        if (!atomic_compare_exchange_strong(&shared->processes[index], &nobody, pid)) continue;
        uint32_t used = atomic_load(&shared->processes_used);
        while (used <= index && !atomic_compare_exchange_weak(&shared->processes_used, &used, index + 1)) {}
        return true;
    }
    return false;
}

static void forget_the_dead(struct shared *shared) {
    for (uint32_t index = 0; index < PROCESSES; index++) {
        pid_t pid = atomic_load(&shared->processes[index]);
        if (pid > 0 && thread_state(pid, pid) == 0) forget_process(shared, pid);
    }
}

void attach_process(struct shared *shared, pid_t pid) {
    remove_traces(shared, pid);
    atomic_fetch_add(&shared->attached, 1);
    if (is_listed(shared, pid) || list(shared, pid)) return;
    forget_the_dead(shared);
    list(shared, pid); /* where this fails too, the others see a stranger and do not leap */
}

static void attach_this_process(void) {
    attached_pid = (pid_t)kernel_call(SYS_getpid, 0, 0, 0, 0, 0, 0);
    attach_process(attached_file, attached_pid);
}

static void after_fork_in_child(void) {
    thread_id = 0;
    forget_alarm(); /* alarms are not inherited */
    attach_this_process();
}

__attribute__((constructor)) static void attach(void) {
    const char *path = getenv("POLLPROOF_LEAP_FILE");
    int before = errno;
    find_real_functions();
    if (path == NULL) return;
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
