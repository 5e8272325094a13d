/* What is done for each call. */
#include "supervisor.h"

typedef void handler(struct call *call);

static void note_signal_call(struct call *call) {
    note_signal();
    proceed(call->id);
}

static const struct {
    int number;
    handler *handle;
} handlers[] = {
    {SYS_clock_gettime, read_clock},
    {SYS_gettimeofday, read_time_of_day},
    {SYS_futex, handle_futex},
    {SYS_nanosleep, sleep_for},
    {SYS_clock_nanosleep, sleep_on_clock},
    {SYS_write, note_sending},
    {SYS_writev, note_sending},
    {SYS_sendto, note_sending},
    {SYS_sendmsg, note_sending},
    {SYS_sendmmsg, note_sending},
    {SYS_sendfile, note_sending},
    {SYS_splice, note_sending},
    {SYS_recvfrom, wait_to_receive},
    {SYS_recvmsg, wait_to_receive},
    {SYS_recvmmsg, wait_to_receive},
    {SYS_accept, wait_to_accept},
    {SYS_accept4, wait_to_accept},
    {SYS_mq_timedreceive, wait_for_queue},
    {SYS_mq_timedsend, wait_for_queue},
    {SYS_signalfd4, note_signal_descriptor},
    {SYS_times, read_ticks},
    {SYS_sysinfo, read_system_information},
    {SYS_setsockopt, note_timeout_option},
    {SYS_connect, begin_connection},
    {SYS_listen, note_listener},
    {SYS_ppoll, wait_for_files},
    {SYS_pselect6, wait_for_sets},
    {SYS_epoll_pwait, wait_for_events},
    {SYS_epoll_pwait2, wait_for_events},
    {SYS_rt_sigtimedwait, wait_for_signal},
    {SYS_timerfd_settime, set_timer_descriptor},
    {SYS_timerfd_gettime, get_timer_descriptor},
    {SYS_setitimer, set_interval_timer},
    {SYS_getitimer, get_interval_timer},
    {SYS_timer_create, create_timer},
    {SYS_timer_settime, set_timer},
    {SYS_timer_gettime, get_timer},
    {SYS_timer_getoverrun, count_timer_overruns},
    {SYS_timer_delete, delete_timer},
    {SYS_clone, note_growth},
    {SYS_clone3, note_growth},
    {SYS_rt_sigaction, note_handler},
    {SYS_exit_group, note_signal_call}, /* ends all threads, parked ones too */
    {SYS_kill, note_signal_call},
    {SYS_tkill, note_signal_call},
    {SYS_tgkill, note_signal_call},
    {SYS_rt_sigqueueinfo, note_signal_call},
    {SYS_rt_tgsigqueueinfo, note_signal_call},
    {SYS_pidfd_send_signal, note_signal_call},
    {SYS_execve, begin_exec},
    {SYS_execveat, begin_exec},
#ifdef SYS_time
    {SYS_time, read_seconds},
    {SYS_signalfd, note_signal_descriptor},
    {SYS_poll, wait_for_files},
    {SYS_select, wait_for_sets},
    {SYS_epoll_wait, wait_for_events},
    {SYS_alarm, set_alarm},
    {SYS_fork, note_growth},
    {SYS_vfork, note_growth},
#endif
};

#define HANDLERS (sizeof handlers / sizeof *handlers)
#define NUMBERS 512

static handler *handler_of(int number) {
    static handler *table[NUMBERS];
    if (table[SYS_clock_gettime] == NULL)
        for (size_t index = 0; index < HANDLERS; index++) table[handlers[index].number] = handlers[index].handle;
    return number >= 0 && number < NUMBERS ? table[number] : NULL;
}

void handle_call(struct call *call) {
    handler *handle = handler_of(call->number);
    thread_calls(call);
    if (handle == NULL) proceed(call->id);
    else handle(call);
    call->thread->interrupted.is_set = false;
}
