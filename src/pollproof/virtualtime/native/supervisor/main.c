/* pollproof-supervisor [--clock FILE] [--rate R] [--shift NANOSECONDS] [--control SOCKET] [--orphans end]
 *     [--parent follow] -- PROGRAM ARGUMENT ...
 *
 * Three processes: the guard, which ends everything when the supervisor dies, the supervisor, and the program. The
 * guard ends as the program has ended.
 */
#include "supervisor.h"

#include <fcntl.h>
#include <sched.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS /* headers before Linux 6.6 */
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP 1
#endif

/* Exit statuses of the supervisor's own; a shell's for a program that cannot be started. */
#define CANNOT_SUPERVISE 125
#define CANNOT_EXECUTE 126
#define NOT_FOUND 127

#define GUARD_DIED SIGUSR2

static const int PASSED[] = {SIGCHLD, SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, GUARD_DIED};

struct shared *clock_file;
int notifications = -1;
int clock_descriptor = -1;
double clock_rate = 1;

static const char *control_path;
static int control = -1;
static bool ends_orphans; /* with the program, instead of going on with them */

/* What the guard, the supervisor and the program's process, before it is a program, share. */
static struct start {
    _Atomic int listener; /* 0 before there is one */
    _Atomic bool is_taken;
    _Atomic int error; /* why there is no filter, or no program */
    _Atomic int status; /* how the program has ended */
    _Atomic bool has_ended;
} *start;

void fail(const char *what) {
    fprintf(stderr, "pollproof: the supervising clock failed: %s: %s\n", what, strerror(errno));
    exit(CANNOT_SUPERVISE);
}

static void refuse(const char *right, const char *remedy) {
    fprintf(stderr, "pollproof: the supervising clock cannot be had: %s (%s); %s\n", right, strerror(errno), remedy);
    exit(CANNOT_SUPERVISE);
}

static void become_program(char **words, const sigset_t *mask) {
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    int listener = install_filter();
    if (listener < 0) {
        atomic_store(&start->error, errno);
        _exit(CANNOT_SUPERVISE);
    }
    atomic_store(&start->listener, listener);
    while (!atomic_load(&start->is_taken)) sched_yield(); /* most calls would wait for the supervisor */
    close(listener);
    sigprocmask(SIG_SETMASK, mask, NULL);
    signal(SIGINT, SIG_DFL);
    signal(SIGQUIT, SIG_DFL);
    execvp(words[0], words);
    int error = errno;
    atomic_store(&start->error, error);
    _exit(error == ENOENT ? NOT_FOUND : CANNOT_EXECUTE);
}

static pid_t start_program(char **words, const sigset_t *mask) {
    int status;
    pid_t child = fork();
    if (child < 0) fail("fork");
    if (child == 0) become_program(words, mask);
    while (atomic_load(&start->listener) == 0 && waitpid(child, &status, WNOHANG) == 0) usleep(100);
    if (atomic_load(&start->listener) == 0) {
        errno = atomic_load(&start->error);
        refuse("seccomp user notification is not permitted",
               "it needs Linux 5.9, and a container that does not forbid seccomp");
    }
    notifications = copy_descriptor(child, atomic_load(&start->listener));
    if (notifications < 0) {
        kill(child, SIGKILL);
        refuse("pidfd_getfd is not permitted",
               "it needs Linux 5.6; in a container give it the right to trace: --cap-add=SYS_PTRACE");
    }
    ioctl(notifications, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
    thread_of(child);
    atomic_store(&start->is_taken, true);
    return child;
}

/* A number that is the same when the kernel begins a call anew. */
static uint64_t place_of(const struct seccomp_data *data) {
    uint64_t place = data->instruction_pointer;
    for (int index = 0; index < 6; index++) place = (place ^ data->args[index]) * UINT64_C(1099511628211);
    return place;
}

/* Receives one call, and answers or parks it. */
static void receive_call(void) {
    static union {
        struct seccomp_notif notification;
        char room[1024];
    } received;
    memset(&received, 0, sizeof received);
    if (ioctl(notifications, SECCOMP_IOCTL_NOTIF_RECV, &received.notification) != 0) return;
    const struct seccomp_data *data = &received.notification.data;
    if (data->arch != NATIVE) {
        atomic_fetch_add(&clock_file->strangers, 1);
        proceed(received.notification.id);
        return;
    }
    struct call call = {.id = received.notification.id,
                        .number = data->nr,
                        .arguments = data->args,
                        .place = place_of(data),
                        .thread = thread_of((pid_t)received.notification.pid)};
    TRACE("call %d thread %d (%llx %llx %llx %llx)", call.number, call.thread->tid, call.arguments[0], call.arguments[1], call.arguments[2], call.arguments[3]);
    handle_call(&call);
}

static int exit_status = -1;

/* The guard ends as the program has, while the supervisor goes on with the orphans that it has left. */
static void note_end(int status) {
    exit_status = status;
    int error = atomic_load(&start->error);
    if (error != 0) fprintf(stderr, "pollproof: cannot start the program: %s\n", strerror(error));
    atomic_store(&start->status, status);
    atomic_store(&start->has_ended, true);
    kill(getppid(), SIGCHLD);
}

/* Children that have ended, and threads that stand at the beginning of a program. */
static void handle_children(pid_t program) {
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG | __WALL)) > 0) {
        if (handle_stop(pid, status)) continue;
        if (pid == program) note_end(status);
        program_grows();
        note_signal();
    }
}

/* The clock leaps only after nothing has come for this long, and looks ever more seldom while something runs. */
#define FIRST_PACE (20 * MICROSECOND)
#define SLOWEST_PACE (2 * MILLISECOND)
#define NOT_WORTH_IT (30 * MICROSECOND)

static int64_t earliest_deadline(void) {
    int64_t wait = earliest_wait(), timer = earliest_timer();
    return wait < timer ? wait : timer;
}

/* A thread whose call has not been received yet sleeps, too, and so does one whose file has become ready just now. */
static bool something_has_come(void) {
    struct pollfd files[] = {{.fd = notifications, .events = POLLIN}, {.fd = watched, .events = POLLIN}};
    return poll(files, 2, 0) > 0;
}

static bool provider_holds(void) {
    bool holds = atomic_load(&clock_file->holds) > 0;
    if (holds) note_obstacle(clock_file, PROVIDER_HOLDS, 0);
    return holds;
}

/* Leaps if nothing stands against it. Whether something has happened. */
static bool consider_leap(void) {
    if (forget_interrupted_waits()) return true;
    if (end_changed_futexes() || end_waits_with_signals()) return true;
    int64_t own = earliest_deadline(), provider = provider_deadline();
    int64_t deadline = own < provider ? own : provider;
    if (deadline == NEVER || clock_rate != 1) return false;
    if (deadline - now() < NOT_WORTH_IT) return false;
    int64_t held = atomic_load(&clock_file->held);
    if (provider_holds() || something_is_in_flight() || !everyone_sleeps()) return false;
    /* The provider may have begun something, or ended it, while the program was being looked at. */
    if (provider_holds() || atomic_load(&clock_file->held) != held) return false;
    if (something_has_come() || something_is_in_flight() || forget_interrupted_waits()) return false;
    if (end_changed_futexes()) return true;
    TRACE("leap %.6f own %d", (double)(deadline - now()) / 1e9, own <= provider);
    leap_to(deadline);
    note_remaining();
    if (provider <= deadline) wake_provider();
    return true;
}

static bool end_what_is_due(void) {
    bool any = fire_timers();
    return end_due_waits() || any;
}

static int64_t pause_for(int64_t pace) {
    int64_t due = real_time_until(earliest_deadline());
    return due < pace ? due : pace;
}

/* The program has got what was sent to its whole group, as the guard and the supervisor have. What the guard alone has
 * got is meant for the program. */
static void pass_signal(pid_t program, const struct signalfd_siginfo *info) {
    static int64_t sent_to_all[NSIG];
    int64_t *last = &sent_to_all[info->ssi_signo % NSIG];
    if ((pid_t)info->ssi_pid != getppid() || info->ssi_code == SI_KERNEL) *last = machine_now();
    else if (*last == 0 || machine_now() - *last > SECOND / 10) kill(program, (int)info->ssi_signo);
}

static void supervise(pid_t program, int children) {
    int64_t pace = FIRST_PACE;
    struct pollfd files[] = {{.fd = notifications, .events = POLLIN},
                             {.fd = children, .events = POLLIN},
                             {.fd = watched, .events = POLLIN},
                             {.fd = control, .events = POLLIN}};
    while (exit_status < 0 || (files[0].fd >= 0 && !ends_orphans)) {
        struct timespec pause = as_timespec_of(pause_for(pace));
        if (control >= 0) files[3].fd = control_file(control);
        int count = ppoll(files, 4, &pause, NULL);
        if (count > 0) pace = FIRST_PACE;
        if (files[1].revents & POLLIN) {
            struct signalfd_siginfo info;
            while (read(children, &info, sizeof info) > 0)
                if (info.ssi_signo == GUARD_DIED && (exit_status < 0 || ends_orphans)) return;
                else if (info.ssi_signo != SIGCHLD && info.ssi_signo != GUARD_DIED) pass_signal(program, &info);
            handle_children(program);
        }
        if (files[0].revents & POLLIN) receive_call();
        else if (files[0].revents & (POLLHUP | POLLERR)) files[0].fd = -1; /* all of the program has ended */
        if (files[2].revents & POLLIN) files_are_ready();
        if (files[3].revents & POLLIN) serve_control(control);
        if (end_what_is_due()) pace = FIRST_PACE;
        if (count == 0) {
            if (consider_leap()) pace = FIRST_PACE;
            else if ((pace *= 2) > SLOWEST_PACE) {
                pace = SLOWEST_PACE;
                detach_idle_threads();
            }
        }
    }
}

static void open_clock(const char *path) {
    int fd = path == NULL ? memfd_create("clock", MFD_CLOEXEC) : open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) fail(path == NULL ? "memory" : path);
    if (path == NULL && ftruncate(fd, sizeof *clock_file) != 0) fail("memory");
    clock_file = mmap(NULL, sizeof *clock_file, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (clock_file == MAP_FAILED) fail("the file of the clock");
    if (path == NULL) atomic_store(&clock_file->limit, NEVER);
    clock_descriptor = fd;
}

static void raise_limit_of_files(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void run_supervisor(pid_t guard, char **words, const sigset_t *mask, const sigset_t *handled) {
    prctl(PR_SET_PDEATHSIG, GUARD_DIED, 0, 0, 0);
    if (getppid() != guard) _exit(CANNOT_SUPERVISE);
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    int children = signalfd(-1, handled, SFD_CLOEXEC | SFD_NONBLOCK);
    watched = epoll_create1(EPOLL_CLOEXEC);
    if (children < 0 || watched < 0) fail("descriptors");
    pid_t program = start_program(words, mask);
    raise_limit_of_files();
    if (control_path != NULL) control = open_control(control_path);
    supervise(program, children);
    end_everything();
    if (control_path != NULL) unlink(control_path);
    _exit(0);
}

/* The guard ends as the program has. */
static void end_as(int status) {
    if (WIFEXITED(status)) _exit(WEXITSTATUS(status));
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    signal(WTERMSIG(status), SIG_DFL);
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_UNBLOCK, &all, NULL);
    raise(WTERMSIG(status));
    _exit(128 + WTERMSIG(status));
}

static void guard_supervisor(pid_t supervisor, const sigset_t *handled) {
    siginfo_t info;
    int status;
    for (;;) {
        if (sigwaitinfo(handled, &info) < 0) continue;
        if (info.si_signo != SIGCHLD) {
            if (info.si_code != SI_KERNEL) kill(supervisor, info.si_signo);
            continue;
        }
        bool is_over = waitpid(supervisor, &status, WNOHANG) == supervisor;
        if (atomic_load(&start->has_ended) && (is_over || !ends_orphans)) end_as(atomic_load(&start->status));
        if (is_over) break;
    }
    end_everything();
    if (!WIFEXITED(status)) fprintf(stderr, "pollproof: the supervising clock has died, and the program was ended\n");
    _exit(CANNOT_SUPERVISE);
}

static char **read_options(int count, char **words, const char **clock, int64_t *shift) {
    int at = 1;
    for (; at + 1 < count && strcmp(words[at], "--") != 0; at += 2) {
        const char *value = words[at + 1];
        if (strcmp(words[at], "--clock") == 0) *clock = value;
        else if (strcmp(words[at], "--rate") == 0) clock_rate = atof(value);
        else if (strcmp(words[at], "--shift") == 0) *shift = atoll(value);
        else if (strcmp(words[at], "--control") == 0) control_path = value;
        else if (strcmp(words[at], "--parent") == 0) prctl(PR_SET_PDEATHSIG, GUARD_DIED, 0, 0, 0); /* end with it */
        else if (strcmp(words[at], "--orphans") == 0) ends_orphans = strcmp(value, "end") == 0;
        else break;
    }
    if (at + 1 < count && strcmp(words[at], "--") == 0 && clock_rate > 0) return words + at + 1;
    fprintf(stderr, "usage: %s [--clock FILE] [--rate R] [--shift NANOSECONDS] [--control SOCKET] "
                    "[--orphans end] [--parent follow] -- PROGRAM ...\n", words[0]);
    exit(2);
}

int main(int count, char **words) {
    const char *clock = NULL;
    int64_t shift = 0;
    char **program = read_options(count, words, &clock, &shift);
    sigset_t handled, mask;
    open_clock(clock);
    atomic_store(&clock_file->date_shift, shift);
    atomic_store(&clock_file->has_rate, clock_rate != 1);
    start = mmap(NULL, sizeof *start, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED) fail("memory");
    sigemptyset(&handled);
    for (size_t index = 0; index < sizeof PASSED / sizeof *PASSED; index++) sigaddset(&handled, PASSED[index]);
    sigprocmask(SIG_BLOCK, &handled, &mask);
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    pid_t guard = getpid(), supervisor = fork();
    if (supervisor < 0) fail("fork");
    if (supervisor == 0) run_supervisor(guard, program, &mask, &handled);
    guard_supervisor(supervisor, &handled);
}
