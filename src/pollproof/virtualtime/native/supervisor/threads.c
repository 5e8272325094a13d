/* The threads of the program, and whether any of them can run.
 *
 * Threads whose calls are parked here sleep as long as these are. The kernel shows the others, one after the other;
 * meanwhile one may wake another behind the supervisor's back, which the counts of their runs give away.
 */
#include "supervisor.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUCKETS 1024

struct thread *all_threads;
static struct thread *by_number[BUCKETS]; /* the last one found of each bucket */
static bool has_grown = true;
static pid_t last_caller;
static bool signal_was_sent;

static int open_file(pid_t pid, pid_t tid, const char *name) {
    char path[80];
    snprintf(path, sizeof path, "/proc/%d/task/%d/%s", pid, tid, name);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static void find_process(pid_t tid, pid_t *pid, pid_t *parent) {
    char path[64], line[128];
    *pid = tid;
    *parent = 0;
    snprintf(path, sizeof path, "/proc/%d/status", tid);
    FILE *file = fopen(path, "re");
    if (file == NULL) return;
    while (fgets(line, sizeof line, file) != NULL) {
        sscanf(line, "Tgid: %d", pid);
        if (sscanf(line, "PPid: %d", parent) == 1) break;
    }
    fclose(file);
}

static struct thread *find(pid_t tid) {
    struct thread *thread = by_number[tid % BUCKETS];
    if (thread != NULL && thread->tid == tid) return thread;
    for (thread = all_threads; thread != NULL; thread = thread->next) {
        if (thread->tid != tid) continue;
        by_number[tid % BUCKETS] = thread;
        return thread;
    }
    return NULL;
}

/* A process begins with the signal handlers of its parent. */
static struct thread *add_thread(pid_t parent, pid_t pid, pid_t tid) {
    struct thread *thread = calloc(1, sizeof *thread);
    if (thread == NULL) fail("memory");
    *thread = (struct thread){
        .tid = tid, .pid = pid, .call_file = -1, .schedule_file = -1, .state_file = -1, .next = all_threads};
    all_threads = thread;
    by_number[tid % BUCKETS] = thread;
    struct thread *origin = pid == tid ? find(parent) : NULL;
    if (origin != NULL) thread->restarting = origin->restarting;
    return thread;
}

struct thread *thread_of(pid_t tid) {
    last_caller = tid;
    struct thread *thread = find(tid);
    if (thread != NULL) return thread;
    pid_t pid, parent;
    find_process(tid, &pid, &parent);
    return add_thread(parent, pid, tid);
}

static bool has_other_threads(struct thread *thread) {
    for (struct thread *each = all_threads; each != NULL; each = each->next)
        if (each != thread && each->pid == thread->pid) return true;
    return false;
}

void forget_thread(struct thread *thread) {
    if (thread->parked != NULL) unpark(thread->parked);
    if (!has_other_threads(thread)) {
        forget_timers_of(thread->pid, false);
        forget_pid(thread->pid);
    }
    for (struct thread **link = &all_threads; *link != NULL; link = &(*link)->next) {
        if (*link != thread) continue;
        *link = thread->next;
        break;
    }
    if (by_number[thread->tid % BUCKETS] == thread) by_number[thread->tid % BUCKETS] = NULL;
    if (thread->call_file >= 0) close(thread->call_file);
    if (thread->schedule_file >= 0) close(thread->schedule_file);
    if (thread->state_file >= 0) close(thread->state_file);
    free(thread);
}

/* Signals wake threads behind the supervisor's back. */
void note_signal(void) {
    signal_was_sent = true;
}

void program_grows(void) {
    has_grown = true;
}

/* The text of a file of the thread, kept open; -1 when the thread has gone. */
static ssize_t read_file(struct thread *thread, int *file, const char *name, char *text, size_t room) {
    if (*file < 0) *file = open_file(thread->pid, thread->tid, name);
    ssize_t length = *file < 0 ? -1 : pread(*file, text, room - 1, 0);
    text[length > 0 ? length : 0] = '\0';
    return length;
}

/* The number of the call in which it sleeps, -1 where it does not. */
long current_call(struct thread *thread) {
    char text[256];
    if (read_file(thread, &thread->call_file, "syscall", text, sizeof text) <= 0 || text[0] == 'r') return -1;
    return strtol(text, NULL, 10);
}

enum activity { GONE, RUNS, RESTS, SLEEPS }; /* who rests waits in real time */

/* As in ps, 0 when the thread has gone. The file "syscall" would be faster to read, but calls a thread asleep that has
 * been woken and has no processor yet. */
static char state_of(struct thread *thread) {
    char text[512];
    if (read_file(thread, &thread->state_file, "stat", text, sizeof text) <= 0) return 0;
    const char *after_name = strrchr(text, ')');
    return after_name != NULL && after_name[1] == ' ' ? after_name[2] : 0;
}

/* Waits with a time-out that the kernel keeps in real time: nothing may be leapt over while one lasts. */
static bool waits_in_real_time(struct thread *thread, long number, const unsigned long *arguments) {
    switch (number) {
        case SYS_futex: {
            int operation = (int)arguments[1] & FUTEX_CMD_MASK;
            bool has_timeout = operation == FUTEX_LOCK_PI || operation == FUTEX_WAIT_REQUEUE_PI ||
                               operation == FUTEX_WAIT || operation == FUTEX_WAIT_BITSET;
            return has_timeout && arguments[3] != 0;
        }
        case SYS_nanosleep:
        case SYS_clock_nanosleep:
        case SYS_restart_syscall:
            return true;
        case SYS_ppoll:
            return arguments[2] != 0;
        case SYS_pselect6:
            return arguments[4] != 0;
        case SYS_epoll_pwait:
#ifdef SYS_epoll_wait
        case SYS_epoll_wait:
#endif
            return (int)arguments[3] > 0;
#ifdef SYS_poll
        case SYS_poll:
            return (int)arguments[2] > 0;
        case SYS_select:
            return arguments[4] != 0;
#endif
        case SYS_semtimedop:
            return arguments[3] != 0;
        case SYS_mq_timedreceive:
        case SYS_mq_timedsend:
            return arguments[4] != 0;
        case SYS_rt_sigtimedwait:
            return arguments[2] != 0;
        case SYS_read:
        case SYS_readv:
        case SYS_recvfrom:
        case SYS_recvmsg:
            return has_receive_timeout(thread->pid, (int)arguments[0]);
        default:
            return false;
    }
}

/* A thread counts as asleep from before it leaves its processor, and may find that it need not sleep at all. To read
 * the file "syscall" is to wait until it has left, or to learn that it runs. What it sleeps in is found out once, for
 * it stays in it until it runs. */
static enum activity activity_in_call(struct thread *thread) {
    char text[256];
    if (!thread->is_examined || thread->examined_at != thread->switches) {
        if (read_file(thread, &thread->call_file, "syscall", text, sizeof text) <= 0 || text[0] == 'r') return RUNS;
        char *at = text;
        long number = strtol(at, &at, 10);
        unsigned long arguments[6] = {0};
        for (int index = 0; index < 6 && *at == ' '; index++) arguments[index] = strtoul(at, &at, 16);
        thread->is_examined = true;
        thread->examined_at = thread->switches;
        thread->is_in_real_time = number >= 0 && waits_in_real_time(thread, number, arguments);
    }
    return thread->is_in_real_time ? RESTS : SLEEPS;
}

/* The child that it has made last, 0 without one. */
static pid_t last_child_of(struct thread *thread) {
    char text[4096];
    int file = open_file(thread->pid, thread->tid, "children");
    ssize_t length = file < 0 ? -1 : read(file, text, sizeof text - 1);
    if (file >= 0) close(file);
    if (length <= 0) return 0;
    while (length > 0 && text[length - 1] == ' ') length--;
    text[length] = '\0';
    const char *last = strrchr(text, ' ');
    return (pid_t)atoi(last == NULL ? text : last + 1);
}

/* A thread that makes a process may itself wait for the kernel, before there is a child. */
static bool waits_for_child(struct thread *thread) {
    long number = current_call(thread);
    bool is_in_call = number == SYS_clone || number == SYS_clone3;
#ifdef SYS_vfork
    is_in_call = is_in_call || number == SYS_vfork;
#endif
    return is_in_call && thread->awaits_child && last_child_of(thread) != thread->child_before;
}

void note_growth(struct call *call) {
    uint64_t flags = call->arguments[0];
    if (call->number == SYS_clone3 && !read_memory(call->thread->tid, &flags, call->arguments[0], sizeof flags)) flags = 0;
#ifdef SYS_vfork
    if (call->number == SYS_vfork) flags = CLONE_VFORK;
    if (call->number == SYS_fork) flags = 0;
#endif
    call->thread->awaits_child = (flags & CLONE_VFORK) != 0;
    if (call->thread->awaits_child) call->thread->child_before = last_child_of(call->thread);
    program_grows();
    proceed(call->id);
}

/* The parent of a process that has ended is sent a signal. */
static enum activity ended(struct thread *thread, enum activity activity) {
    if (thread->has_ended || thread->tid != thread->pid) return activity;
    thread->has_ended = true;
    signal_was_sent = true;
    return RUNS;
}

static enum activity activity_of(struct thread *thread) {
    /* Only a signal ends a parked wait without the supervisor. */
    if (thread->parked != NULL && !signal_was_sent) return SLEEPS;
    switch (state_of(thread)) {
        case 0:
            return ended(thread, GONE);
        case 'Z':
        case 'X':
            return ended(thread, SLEEPS);
        case 'T':
            return SLEEPS;
        case 't':
            return thread->is_traced ? RUNS : SLEEPS;
        case 'D': /* waits for a disk, which takes real time, or for a child that has yet to execute a program */
            return waits_for_child(thread) ? SLEEPS : RUNS;
        case 'S':
            break;
        default:
            return RUNS;
    }
    return thread->parked != NULL ? SLEEPS : activity_in_call(thread);
}

static uint64_t switches_of(struct thread *thread) {
    char text[128];
    if (thread->parked != NULL) return 1;
    if (read_file(thread, &thread->schedule_file, "schedstat", text, sizeof text) <= 0) return 0;
    char *at = text;
    uint64_t ran = strtoull(at, &at, 10);
    strtoull(at, &at, 10);
    return ran ^ strtoull(at, &at, 10) << 48;
}

static bool note_threads_of(pid_t parent, pid_t pid);

static bool note_children(pid_t pid, pid_t tid) {
    char text[4096];
    bool any = false;
    int file = open_file(pid, tid, "children");
    ssize_t length = file < 0 ? -1 : read(file, text, sizeof text - 1);
    if (file >= 0) close(file);
    if (length <= 0) return false;
    text[length] = '\0';
    for (char *at = text; isdigit((unsigned char)*at);) {
        pid_t child = (pid_t)strtol(at, &at, 10);
        while (*at == ' ') at++;
        any = note_threads_of(pid, child) || any;
    }
    return any;
}

/* Whether there was one that was not known. */
static bool note_threads_of(pid_t parent, pid_t pid) {
    char path[64];
    bool any = false;
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *folder = opendir(path);
    struct dirent *entry;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        pid_t tid = (pid_t)atoi(entry->d_name);
        if (tid == 0) continue;
        if (find(tid) == NULL) {
            add_thread(parent, pid, tid);
            any = true;
        }
        any = note_children(pid, tid) || any;
    }
    if (folder != NULL) closedir(folder);
    return any;
}

/* The children of the supervisor are the program and its orphans. */
static bool note_everyone(void) {
    return note_children(getpid(), getpid());
}

static bool is_active(struct thread *thread, enum activity activity) {
    if (activity == RUNS || activity == RESTS)
        note_obstacle(clock_file, activity == RUNS ? THREAD_RUNS : THREAD_RESTS, (uint32_t)thread->tid);
    return activity == RUNS || activity == RESTS;
}

/* All sleep at the end of the second step, if the third one finds that none has run since the first: who sleeps then
 * and was to run could only have been woken by one that ran. */
bool everyone_sleeps(void) {
    struct thread *last = find(last_caller), *next;
    if (last != NULL) last->switches = switches_of(last); /* or what it slept in once would stand for ever */
    if (last != NULL && is_active(last, activity_of(last))) return false;
    for (struct thread *thread = all_threads; thread != NULL; thread = thread->next)
        thread->switches = switches_of(thread);
    for (struct thread *thread = all_threads; thread != NULL; thread = next) {
        next = thread->next;
        enum activity activity = activity_of(thread);
        /* The kernel may have woken others for one that has gone. */
        if (activity == GONE) forget_thread(thread);
        if (activity == GONE || is_active(thread, activity)) return false;
    }
    if (has_grown && note_everyone()) return false;
    for (struct thread *thread = all_threads; thread != NULL; thread = thread->next)
        if (switches_of(thread) != thread->switches) return false;
    /* All who could have made a thread or process have slept while they were looked for. */
    has_grown = false;
    signal_was_sent = false;
    return all_threads != NULL;
}

void end_everything(void) {
    for (int round = 0; round < 200; round++) {
        note_everyone();
        if (all_threads == NULL) return;
        for (struct thread *thread = all_threads, *next; thread != NULL; thread = next) {
            next = thread->next;
            kill(thread->pid, SIGKILL);
            forget_thread(thread);
        }
        usleep(1000);
    }
}
