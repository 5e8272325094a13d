/* New programs. The vDSO, by which libraries read clocks without a call, is replaced in each, or hidden: while the new
 * program stands before its first instruction, the entry that names it is struck from what the kernel has put on its
 * stack. Only for that is the thread traced. */
#include "supervisor.h"

#include <elf.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef AT_IGNORE
#define AT_IGNORE 1
#endif
#ifndef AT_SYSINFO_EHDR
#define AT_SYSINFO_EHDR 33
#endif

void begin_exec(struct call *call) {
    struct thread *thread = call->thread;
    if (!thread->is_traced) {
        long failed = ptrace(PTRACE_SEIZE, thread->tid, 0, PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD);
        if (failed) atomic_fetch_add(&clock_file->strangers, 1); /* its clocks would not be moved */
        thread->is_traced = !failed;
    }
    note_signal(); /* it ends the other threads, parked ones too */
    proceed(call->id);
}

static uint64_t stack_pointer(pid_t tid) {
    struct user_regs_struct registers;
    struct iovec place = {&registers, sizeof registers};
    if (ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &place) != 0) return 0;
#if defined(__x86_64__)
    return registers.rsp;
#else
    return registers.sp;
#endif
}

#define WORDS 512

struct reader {
    pid_t tid;
    uint64_t address; /* of the word that comes next */
    uint64_t words[WORDS];
    size_t at, count;
};

static bool next_word(struct reader *reader, uint64_t *word) {
    if (reader->at == reader->count) {
        /* The stack may end soon. */
        size_t count = (4096 - reader->address % 4096) / 8;
        if (count > WORDS) count = WORDS;
        if (!read_memory(reader->tid, reader->words, reader->address, count * 8)) return false;
        reader->at = 0;
        reader->count = count;
    }
    *word = reader->words[reader->at++];
    reader->address += 8;
    return true;
}

static bool skip_strings(struct reader *reader) {
    uint64_t word;
    do {
        if (!next_word(reader, &word)) return false;
    } while (word != 0);
    return true;
}

static void replace_or_hide_vdso(pid_t tid) {
    struct reader reader = {.tid = tid, .address = stack_pointer(tid)};
    uint64_t type, value, ignored = AT_IGNORE;
    if (!next_word(&reader, &value) || !skip_strings(&reader) || !skip_strings(&reader)) return;
    while (next_word(&reader, &type) && type != AT_NULL) {
        uint64_t place = reader.address - 8;
        if (!next_word(&reader, &value)) return;
        if (type == AT_SYSINFO_EHDR && !replace_vdso(tid, value)) write_memory(tid, &ignored, place, sizeof ignored);
    }
}

static void program_begins(pid_t tid) {
    replace_or_hide_vdso(tid);
    ptrace(PTRACE_DETACH, tid, 0, 0);
    /* All threads but this one are gone, and it has the number of the process. */
    for (struct thread *thread = all_threads, *next; thread != NULL; thread = next) {
        next = thread->next;
        if (thread->pid == tid && thread->tid != tid) forget_thread(thread);
    }
    forget_timers_of(tid, true);
    struct thread *thread = thread_of(tid);
    thread->is_traced = false;
    thread->interrupted.is_set = false;
    thread->restarting = 0;
    if (thread->parked != NULL) unpark(thread->parked);
    program_grows();
    atomic_fetch_add(&clock_file->attached, 1);
}

bool handle_stop(pid_t tid, int status) {
    if (!WIFSTOPPED(status)) return false;
    int event = status >> 16;
    if (event == PTRACE_EVENT_EXEC) program_begins(tid);
    else if (event == PTRACE_EVENT_STOP) {
        struct thread *thread = thread_of(tid);
        int signal = WSTOPSIG(status);
        bool is_group_stop = signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
        if (is_group_stop) ptrace(PTRACE_LISTEN, tid, 0, 0);
        else {
            ptrace(PTRACE_DETACH, tid, 0, 0); /* as requested: its exec has failed */
            thread->is_traced = false;
        }
    } else ptrace(PTRACE_CONT, tid, 0, WSTOPSIG(status));
    return true;
}

static bool is_in_exec(struct thread *thread) {
    long number = current_call(thread);
    return number == SYS_execve || number == SYS_execveat;
}

/* A thread whose exec has failed goes on as what it was. */
void detach_idle_threads(void) {
    for (struct thread *thread = all_threads; thread != NULL; thread = thread->next)
        if (thread->is_traced && !is_in_exec(thread)) ptrace(PTRACE_INTERRUPT, thread->tid, 0, 0);
}
