/* The supervisor: runs a program whose clocks and waits it answers itself, by seccomp user notification.
 *
 * The kernel hands every call of the program that reads a clock, waits with a deadline, sends, connects or executes
 * to this process. Clock calls are answered with the virtual time. A wait is parked here: the calling thread sleeps in
 * the kernel until the supervisor replies. When every thread of the program sleeps, nothing that it has sent is
 * unanswered and the provider does not hold the clock, the supervisor moves the clock to the earliest deadline.
 *
 * The shared file (../leap.h) is the same that the preload library uses; only the supervisor leaps.
 */
#ifndef POLLPROOF_SUPERVISOR_H
#define POLLPROOF_SUPERVISOR_H

#include "../leap.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#else
#error "the supervisor knows x86-64 and arm64 only"
#endif
#ifndef SYS_epoll_pwait2 /* headers before Linux 5.11 */
#define SYS_epoll_pwait2 441
#endif
#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#define RECEIVING_TIME_64 66 /* SO_RCVTIMEO_NEW */
#define SENDING_TIME_64 67
#ifdef SYS_epoll_wait
#define SYS_plain_epoll_wait SYS_epoll_wait
#else
#define SYS_plain_epoll_wait (-1)
#endif

#ifdef TRACING /* for those who look for a mistake: cc -DTRACING */
#include <stdio.h>
#define TRACE(format, ...) fprintf(stderr, "%.6f " format "\n", (double)now() / 1e9, __VA_ARGS__)
#else
#define TRACE(format, ...) ((void)0)
#endif

/* Threads of the program (threads.c). */
struct thread {
    pid_t tid;
    pid_t pid;
    int call_file;     /* /proc/PID/task/TID/syscall */
    int schedule_file; /* ... schedstat */
    int state_file;    /* ... stat */
    uint64_t switches; /* a number that is another one after it has run */
    bool is_examined;  /* the call in which it sleeps, when that number was: */
    uint64_t examined_at;
    bool is_in_real_time; /* it is a wait with a time-out that the kernel keeps */
    bool awaits_child;    /* it has called vfork, or the like of it, last */
    pid_t child_before;   /* its last child before that */
    bool has_ended;
    uint64_t restarting; /* of a process: its signals whose handlers were set with SA_RESTART */
    bool is_traced;    /* attached for an exec that has not come yet */
    struct parked_wait *parked;
    struct {
        bool is_set;
        int64_t deadline;
        uint64_t place; /* fingerprint of call and arguments */
    } interrupted;
    struct thread *next;
};

/* A call that the kernel has handed over. */
struct call {
    uint64_t id;
    int number;
    const __u64 *arguments;
    uint64_t place;
    struct thread *thread;
};

/* A wait of the program that is parked here (waits.c). */
enum wait_kind { WAIT_SLEEP, WAIT_FUTEX, WAIT_FILES, WAIT_SELECT, WAIT_EPOLL, WAIT_SOCKET, WAIT_QUEUE, WAIT_SIGNAL };

struct parked_wait {
    uint64_t id;
    struct thread *thread;
    enum wait_kind kind;
    int64_t deadline; /* by the virtual clock */
    int number;
    uint64_t arguments[6];
    uint64_t place;
    uint64_t remaining_at; /* where the program wants to read what was left, 0: nowhere */
    bool remaining_in_microseconds;
    uint64_t signals; /* those that end it: with a signal mask of its own, or by a descriptor for signals */
    int file_count;
    struct pollfd *files; /* duplicates of the program's descriptors */
    struct parked_wait *next;
};

/* main.c */
extern struct shared *clock_file;
extern int notifications; /* the listening descriptor */
extern int clock_descriptor; /* of the clock's file */
extern double clock_rate;
void fail(const char *what) __attribute__((noreturn));

/* filter.c */
struct sock_fprog;
int install_filter(void); /* in the program's process; the listening descriptor */

/* memory.c: the program's memory and descriptors. False or -1 where the program gave a wrong address or descriptor. */
bool read_memory(pid_t tid, void *target, uint64_t address, size_t length);
bool write_memory(pid_t tid, const void *source, uint64_t address, size_t length);
int copy_descriptor(pid_t pid, int fd);
uint64_t socket_inode(int fd); /* of a descriptor of ours; 0 where it is not a socket */
void forget_pid(pid_t pid);

/* replies.c */
void reply(uint64_t id, int64_t value);
void reply_error(uint64_t id, int error);
void proceed(uint64_t id); /* the kernel does the call */
bool still_waits(uint64_t id);

/* virtual_clock.c */
int64_t now(void); /* virtual CLOCK_MONOTONIC */
int64_t machine_clock(int clock);
bool is_moved(int clock);
int64_t deadline_after(int64_t nanoseconds);
int64_t deadline_at(int clock, int64_t nanoseconds);
int64_t real_time_until(int64_t deadline);
void leap_to(int64_t deadline);
void move_clock_by(int64_t nanoseconds);
int64_t provider_deadline(void);
void wake_provider(void);
void read_clock(struct call *call);
void read_time_of_day(struct call *call);
void read_seconds(struct call *call);
void read_ticks(struct call *call);
void read_system_information(struct call *call);

/* waits.c */
extern struct parked_wait *parked_waits;
struct parked_wait *park(struct call *call, enum wait_kind kind, int64_t deadline);
void unpark(struct parked_wait *wait);
int64_t earliest_wait(void);
bool end_due_waits(void);
void note_remaining(void);
bool forget_interrupted_waits(void);
void thread_calls(struct call *call); /* before its call is handled */
bool was_interrupted(struct call *call);
void note_handler(struct call *call);
void sleep_for(struct call *call);
void sleep_on_clock(struct call *call);
void wait_for_signal(struct call *call);
bool end_waits_with_signals(void);
bool read_timespec(pid_t tid, uint64_t address, int64_t *nanoseconds);
bool write_timespec(pid_t tid, uint64_t address, int64_t nanoseconds);

/* polling.c */
extern int watched; /* an epoll descriptor over all files that parked waits wait for */
void wait_for_files(struct call *call);
void wait_for_sets(struct call *call);
void wait_for_events(struct call *call);
void wait_to_receive(struct call *call);
void wait_to_accept(struct call *call);
bool waits_to_send(struct call *call, int fd); /* whether it is parked, or over */
void wait_for_queue(struct call *call);
void note_timeout_option(struct call *call);
void note_signal_descriptor(struct call *call);
bool end_ready_wait(struct parked_wait *wait);
void files_are_ready(void);
void release_files(struct parked_wait *wait);
void expire_files(struct parked_wait *wait);

/* futexes.c */
void handle_futex(struct call *call);
bool end_changed_futexes(void);

/* timers.c */
void set_timer_descriptor(struct call *call);
void get_timer_descriptor(struct call *call);
void set_interval_timer(struct call *call);
void get_interval_timer(struct call *call);
void set_alarm(struct call *call);
void create_timer(struct call *call);
void set_timer(struct call *call);
void get_timer(struct call *call);
void delete_timer(struct call *call);
void count_timer_overruns(struct call *call);
int64_t earliest_timer(void);
bool fire_timers(void);
void forget_timers_of(pid_t pid, bool by_exec);

/* connections.c */
void begin_connection(struct call *call);
void note_listener(struct call *call);
void note_sending(struct call *call);
bool something_is_in_flight(void);
bool has_receive_timeout(pid_t pid, int fd);

/* threads.c */
struct thread *thread_of(pid_t tid);
long current_call(struct thread *thread);
void note_signal(void);
void program_grows(void); /* a thread or process is about to be made */
void note_growth(struct call *call);
bool everyone_sleeps(void);
void forget_thread(struct thread *thread);
void end_everything(void);
extern struct thread *all_threads;

/* vdso.c. PASS, as the sixth argument of a call that reads a clock, keeps it from the supervisor. */
#define PASS UINT64_C(0x706f6c6c70726f66)
bool replace_vdso(pid_t tid, uint64_t base);

/* programs.c: new programs, whose vDSO is replaced or hidden */
void begin_exec(struct call *call);
bool handle_stop(pid_t tid, int status); /* whether it was one of a traced thread */
void detach_idle_threads(void);

/* calls.c */
void handle_call(struct call *call);

/* control.c */
int open_control(const char *path);
int control_file(int listener); /* what is to be waited for */
void serve_control(int listener);

static inline struct timespec as_timespec_of(int64_t nanoseconds) {
    return (struct timespec){.tv_sec = nanoseconds / SECOND, .tv_nsec = nanoseconds % SECOND};
}

#endif
