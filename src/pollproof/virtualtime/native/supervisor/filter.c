/* The seccomp filter: which calls the kernel hands to the supervisor. */
#include "supervisor.h"

#include <linux/filter.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/prctl.h>

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif
#define SYS_futex_wake_2 454
#define SYS_futex_wait_2 455
#define SYS_futex_requeue_2 456

enum condition {
    ALWAYS,
    IF_POINTER,  /* the argument is not NULL */
    IF_POSITIVE, /* the argument, an int, is above 0 */
    IF_MOVED_CLOCK,
    IF_WALL_TIMER, /* argument 0 is ITIMER_REAL */
    IF_TIMEOUT_OPTION,
    IF_FUTEX,
    IF_CLOCK_READ,
    REFUSED, /* ENOSYS, as in an older kernel: programs have another way */
};

static const struct rule {
    int number;
    enum condition condition;
    int argument;
} rules[] = {
    {SYS_clock_gettime, IF_CLOCK_READ, 0},
    {SYS_gettimeofday, ALWAYS, 0},
    {SYS_futex, IF_FUTEX, 3},
    {SYS_nanosleep, ALWAYS, 0},
    {SYS_clock_nanosleep, IF_MOVED_CLOCK, 0},
    {SYS_ppoll, IF_POINTER, 2},
    {SYS_pselect6, IF_POINTER, 4},
    {SYS_epoll_pwait, IF_POSITIVE, 3},
    {SYS_epoll_pwait2, IF_POINTER, 3},
#ifdef SYS_time
    {SYS_time, ALWAYS, 0},
    {SYS_signalfd, ALWAYS, 0},
    {SYS_poll, IF_POSITIVE, 2},
    {SYS_select, IF_POINTER, 4},
    {SYS_epoll_wait, IF_POSITIVE, 3},
    {SYS_alarm, ALWAYS, 0},
    {SYS_fork, ALWAYS, 0},
    {SYS_vfork, ALWAYS, 0},
#endif
    {SYS_rt_sigtimedwait, IF_POINTER, 2},
    {SYS_timerfd_settime, ALWAYS, 0},
    {SYS_timerfd_gettime, ALWAYS, 0},
    {SYS_setitimer, IF_WALL_TIMER, 0},
    {SYS_getitimer, IF_WALL_TIMER, 0},
    {SYS_timer_create, IF_MOVED_CLOCK, 0},
    {SYS_timer_settime, ALWAYS, 0},
    {SYS_timer_gettime, ALWAYS, 0},
    {SYS_timer_getoverrun, ALWAYS, 0},
    {SYS_timer_delete, ALWAYS, 0},
    {SYS_write, ALWAYS, 0},
    {SYS_writev, ALWAYS, 0},
    {SYS_sendto, ALWAYS, 0},
    {SYS_sendmsg, ALWAYS, 0},
    {SYS_sendmmsg, ALWAYS, 0},
    {SYS_sendfile, ALWAYS, 0},
    {SYS_splice, ALWAYS, 0},
    {SYS_recvfrom, ALWAYS, 0},
    {SYS_recvmsg, ALWAYS, 0},
    {SYS_recvmmsg, ALWAYS, 0},
    {SYS_accept, ALWAYS, 0},
    {SYS_accept4, ALWAYS, 0},
    {SYS_mq_timedreceive, IF_POINTER, 4},
    {SYS_mq_timedsend, IF_POINTER, 4},
    {SYS_signalfd4, ALWAYS, 0},
    {SYS_times, ALWAYS, 0},
    {SYS_sysinfo, ALWAYS, 0},
    {SYS_setsockopt, IF_TIMEOUT_OPTION, 0},
    {SYS_connect, ALWAYS, 0},
    {SYS_listen, ALWAYS, 0},
    {SYS_clone, ALWAYS, 0},
    {SYS_clone3, ALWAYS, 0},
    {SYS_exit_group, ALWAYS, 0},
    {SYS_rt_sigaction, IF_POINTER, 1},
    {SYS_kill, ALWAYS, 0},
    {SYS_tkill, ALWAYS, 0},
    {SYS_tgkill, ALWAYS, 0},
    {SYS_rt_sigqueueinfo, ALWAYS, 0},
    {SYS_rt_tgsigqueueinfo, ALWAYS, 0},
    {SYS_pidfd_send_signal, ALWAYS, 0},
    {SYS_execve, ALWAYS, 0},
    {SYS_execveat, ALWAYS, 0},
    {SYS_io_uring_setup, REFUSED, 0},
    {SYS_io_uring_enter, REFUSED, 0},
    {SYS_futex_waitv, REFUSED, 0},
    {SYS_futex_wake_2, REFUSED, 0},
    {SYS_futex_wait_2, REFUSED, 0},
    {SYS_futex_requeue_2, REFUSED, 0},
};

#define RULES (sizeof rules / sizeof *rules)

struct code {
    struct sock_filter steps[1024];
    unsigned short length;
};

static void add(struct code *code, uint16_t operation, uint8_t yes, uint8_t no, uint32_t value) {
    code->steps[code->length++] = (struct sock_filter){.code = operation, .jt = yes, .jf = no, .k = value};
}

static void load(struct code *code, size_t offset) {
    add(code, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

static void load_argument(struct code *code, int argument) {
    load(code, offsetof(struct seccomp_data, args) + (size_t)argument * 8);
}

static void load_upper_half(struct code *code, int argument) {
    load(code, offsetof(struct seccomp_data, args) + (size_t)argument * 8 + 4);
}

static void jump_if_equal(struct code *code, uint32_t value, uint8_t yes, uint8_t no) {
    add(code, BPF_JMP | BPF_JEQ | BPF_K, yes, no, value);
}

static void end(struct code *code, uint32_t action) {
    add(code, BPF_RET | BPF_K, 0, 0, action);
}

static void add_pointer_test(struct code *code, int argument) {
    load_argument(code, argument);
    jump_if_equal(code, 0, 0, 3);
    load_upper_half(code, argument);
    jump_if_equal(code, 0, 0, 1);
    end(code, SECCOMP_RET_ALLOW);
    end(code, SECCOMP_RET_USER_NOTIF);
}

/* A wait with a time-out, and all that may wake one. */
static void add_futex_test(struct code *code) {
    load_argument(code, 1);
    add(code, BPF_ALU | BPF_AND | BPF_K, 0, 0, FUTEX_CMD_MASK);
    jump_if_equal(code, FUTEX_WAIT, 7, 0);
    jump_if_equal(code, FUTEX_WAIT_BITSET, 6, 0);
    jump_if_equal(code, FUTEX_WAKE, 4, 0);
    jump_if_equal(code, FUTEX_WAKE_BITSET, 3, 0);
    jump_if_equal(code, FUTEX_WAKE_OP, 2, 0);
    jump_if_equal(code, FUTEX_CMP_REQUEUE, 1, 0);
    end(code, SECCOMP_RET_ALLOW);
    end(code, SECCOMP_RET_USER_NOTIF);
    add_pointer_test(code, 3);
}

/* By a function of the vDSO that vdso.c has replaced, or not. */
static void add_pass_test(struct code *code) {
    load_argument(code, 5);
    jump_if_equal(code, (uint32_t)PASS, 0, 3);
    load_upper_half(code, 5);
    jump_if_equal(code, (uint32_t)(PASS >> 32), 0, 1);
    end(code, SECCOMP_RET_ALLOW);
}

static void add_body(struct code *code, const struct rule *rule) {
    switch (rule->condition) {
        case ALWAYS:
            end(code, SECCOMP_RET_USER_NOTIF);
            break;
        case REFUSED:
            end(code, SECCOMP_RET_ERRNO | ENOSYS);
            break;
        case IF_POINTER:
            add_pointer_test(code, rule->argument);
            break;
        case IF_POSITIVE:
            load_argument(code, rule->argument);
            add(code, BPF_JMP | BPF_JSET | BPF_K, 1, 0, 0x80000000);
            jump_if_equal(code, 0, 0, 1);
            end(code, SECCOMP_RET_ALLOW);
            end(code, SECCOMP_RET_USER_NOTIF);
            break;
        case IF_CLOCK_READ:
            add_pass_test(code);
            /* fall through */
        case IF_MOVED_CLOCK: /* not the clocks of the processor time of a process or thread */
            load_argument(code, rule->argument);
            jump_if_equal(code, CLOCK_PROCESS_CPUTIME_ID, 2, 0);
            jump_if_equal(code, CLOCK_THREAD_CPUTIME_ID, 1, 0);
            add(code, BPF_JMP | BPF_JGT | BPF_K, 0, 1, CLOCK_TAI);
            end(code, SECCOMP_RET_ALLOW);
            end(code, SECCOMP_RET_USER_NOTIF);
            break;
        case IF_WALL_TIMER:
            load_argument(code, rule->argument);
            jump_if_equal(code, 0, 1, 0);
            end(code, SECCOMP_RET_ALLOW);
            end(code, SECCOMP_RET_USER_NOTIF);
            break;
        case IF_TIMEOUT_OPTION: /* the time-outs of sockets */
            load_argument(code, 2);
            jump_if_equal(code, SO_RCVTIMEO, 4, 0);
            jump_if_equal(code, SO_SNDTIMEO, 3, 0);
            jump_if_equal(code, RECEIVING_TIME_64, 2, 0);
            jump_if_equal(code, SENDING_TIME_64, 1, 0);
            end(code, SECCOMP_RET_ALLOW);
            end(code, SECCOMP_RET_USER_NOTIF);
            break;
        case IF_FUTEX:
            add_futex_test(code);
            break;
    }
}

static void build(struct code *code) {
    load(code, offsetof(struct seccomp_data, arch));
    jump_if_equal(code, NATIVE, 1, 0);
    end(code, SECCOMP_RET_USER_NOTIF); /* a program of another word size: the supervisor notes it */
    load(code, offsetof(struct seccomp_data, nr));
    for (size_t index = 0; index < RULES; index++) {
        unsigned short jump = code->length;
        jump_if_equal(code, (uint32_t)rules[index].number, 0, 0);
        add_body(code, &rules[index]);
        code->steps[jump].jf = (uint8_t)(code->length - jump - 1);
    }
    end(code, SECCOMP_RET_ALLOW);
}

int install_filter(void) {
    struct code code = {.length = 0};
    build(&code);
    struct sock_fprog program = {.len = code.length, .filter = code.steps};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}
