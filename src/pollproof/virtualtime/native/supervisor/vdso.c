/* The vDSO of a new program. By it a program reads clocks without a call. Where that can be done its functions are
 * replaced, while the program stands before its first instruction: one for clock_gettime that calls the kernel, past
 * the supervisor, and adds what stands in the clock's file; others that call the supervisor. */
#include "supervisor.h"

#if defined(__x86_64__)
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define DATES ((1 << CLOCK_REALTIME) | (1 << CLOCK_REALTIME_COARSE) | (1 << CLOCK_REALTIME_ALARM) | (1 << CLOCK_TAI))
#define PAGE 4096

extern const unsigned char reading_begins[], reading_file[], reading_ends[];
extern const unsigned char calling_begins[], calling_number[], calling_ends[];

_Static_assert(offsetof(struct shared, date_shift) < PAGE, "one page of the file is mapped");

/* What is written over the functions; it is never called here. The kernel keeps all registers but rax, rcx and r11. */
__attribute__((used, noinline, noclone)) static void code_of_functions(void) {
    __asm__ volatile(
        ".pushsection .rodata\n"
        "reading_begins:\n"
        "cmp %[last], %%edi\n"
        "ja 9f\n"
        "cmp %[process], %%edi\n"
        "je 9f\n"
        "cmp %[thread], %%edi\n"
        "je 9f\n"
        "movabs $0x1122334455667788, %%r8\n" /* the file */
        "reading_file:\n"
        "cmpl $0, %c[runs](%%r8)\n"
        "jne 9f\n"
        "mov %[number], %%eax\n"
        "movabs %[pass], %%r9\n"
        "syscall\n"
        "xor %%r9d, %%r9d\n" /* a later call of the program must not pass */
        "test %%eax, %%eax\n"
        "jnz 8f\n"
        "mov %c[offset](%%r8), %%rax\n"
        "mov %[dates], %%ecx\n"
        "bt %%edi, %%ecx\n"
        "jnc 1f\n"
        "add %c[shift](%%r8), %%rax\n"
        "1: cqo\n"
        "mov %[second], %%ecx\n"
        "idiv %%rcx\n"
        "add %%rax, (%%rsi)\n"
        "add 8(%%rsi), %%rdx\n"
        "jns 2f\n"
        "add %%rcx, %%rdx\n"
        "decq (%%rsi)\n"
        "2: cmp %%rcx, %%rdx\n"
        "jl 3f\n"
        "sub %%rcx, %%rdx\n"
        "incq (%%rsi)\n"
        "3: mov %%rdx, 8(%%rsi)\n"
        "xor %%eax, %%eax\n"
        "8: ret\n"
        "9: mov %[number], %%eax\n"
        "syscall\n"
        "ret\n"
        "reading_ends:\n"
        "calling_begins:\n"
        "mov $0x11223344, %%eax\n"
        "calling_number:\n"
        "syscall\n"
        "ret\n"
        "calling_ends:\n"
        ".popsection\n"
        :
        : [last] "i"(CLOCK_TAI), [process] "i"(CLOCK_PROCESS_CPUTIME_ID), [thread] "i"(CLOCK_THREAD_CPUTIME_ID),
          [number] "i"(SYS_clock_gettime), [pass] "i"(PASS), [second] "i"(SECOND), [dates] "i"(DATES),
          [runs] "i"(offsetof(struct shared, has_rate)), [offset] "i"(offsetof(struct shared, offset)),
          [shift] "i"(offsetof(struct shared, date_shift)));
}

/* Our own vDSO, which is that of every program. */
static struct {
    const char *image; /* NULL: there is none, or none that is known */
    size_t size;
    size_t call; /* where in it a call stands */
    const Elf64_Sym *read_clock, *read_time_of_day, *read_seconds;
} own;

static const Elf64_Sym *symbol_of(const char *name, const Elf64_Sym *symbols, size_t count, const char *names) {
    for (size_t index = 0; index < count; index++)
        if (strcmp(names + symbols[index].st_name, name) == 0) return &symbols[index];
    return NULL;
}

static void find_own(void) {
    static bool is_done;
    const char *image = (const char *)getauxval(AT_SYSINFO_EHDR);
    if (is_done || image == NULL) return;
    is_done = true;
    const Elf64_Ehdr *head = (const Elf64_Ehdr *)image;
    const Elf64_Phdr *parts = (const Elf64_Phdr *)(image + head->e_phoff);
    const Elf64_Sym *symbols = NULL;
    const char *names = NULL;
    size_t count = 0;
    for (int index = 0; index < head->e_phnum; index++) {
        if (parts[index].p_type == PT_LOAD && parts[index].p_vaddr == 0) own.size = parts[index].p_memsz;
        if (parts[index].p_type != PT_DYNAMIC) continue;
        const Elf64_Dyn *entry = (const Elf64_Dyn *)(image + parts[index].p_vaddr);
        for (; entry->d_tag != DT_NULL; entry++) {
            const char *place = image + entry->d_un.d_ptr;
            if (entry->d_tag == DT_SYMTAB) symbols = (const Elf64_Sym *)place;
            if (entry->d_tag == DT_STRTAB) names = place;
            if (entry->d_tag == DT_HASH) count = ((const uint32_t *)place)[1];
        }
    }
    if (symbols == NULL || names == NULL || own.size == 0 || own.size > 4 * PAGE) return;
    own.read_clock = symbol_of("__vdso_clock_gettime", symbols, count, names);
    own.read_time_of_day = symbol_of("__vdso_gettimeofday", symbols, count, names);
    own.read_seconds = symbol_of("__vdso_time", symbols, count, names);
    const char *call = memmem(image, own.size, "\x0f\x05", 2);
    if (call == NULL || own.read_clock == NULL || own.read_time_of_day == NULL || own.read_seconds == NULL) return;
    own.call = (size_t)(call - image);
    size_t calling = (size_t)(calling_ends - calling_begins);
    bool is_room = own.read_clock->st_size >= (size_t)(reading_ends - reading_begins) &&
                   own.read_time_of_day->st_size >= calling && own.read_seconds->st_size >= calling;
    if (is_room) own.image = image;
}

static bool get_registers(pid_t tid, struct user_regs_struct *registers) {
    struct iovec place = {registers, sizeof *registers};
    return ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &place) == 0;
}

static bool set_registers(pid_t tid, struct user_regs_struct *registers) {
    struct iovec place = {registers, sizeof *registers};
    return ptrace(PTRACE_SETREGSET, tid, NT_PRSTATUS, &place) == 0;
}

/* Lets the thread go on to the next beginning or end of a call; false when it ends, which is left to be waited for. */
static bool go_to_call(pid_t tid) {
    for (;;) {
        siginfo_t info;
        int status;
        if (ptrace(PTRACE_SYSCALL, tid, 0, 0) != 0) return false;
        if (waitid(P_PID, (id_t)tid, &info, WEXITED | WSTOPPED | __WALL | WNOWAIT) != 0) return false;
        if (info.si_code != CLD_TRAPPED && info.si_code != CLD_STOPPED) return false;
        if (waitpid(tid, &status, __WALL) != tid || !WIFSTOPPED(status)) return false;
        if (WSTOPSIG(status) == (SIGTRAP | 0x80)) return true;
    }
}

/* The program does a call that none of its own code makes. */
static bool let_call(pid_t tid, const struct user_regs_struct *before, uint64_t place, const uint64_t words[7],
                     int64_t *result) {
    struct user_regs_struct registers = *before;
    registers.rip = place;
    registers.orig_rax = (unsigned long long)-1;
    registers.rax = words[0];
    registers.rdi = words[1];
    registers.rsi = words[2];
    registers.rdx = words[3];
    registers.r10 = words[4];
    registers.r8 = words[5];
    registers.r9 = words[6];
    if (!set_registers(tid, &registers) || !go_to_call(tid) || !go_to_call(tid)) return false;
    if (!get_registers(tid, &registers)) return false;
    *result = (int64_t)registers.rax;
    return true;
}

/* Where in the program the first page of the clock's file stands, 0 where it does not. */
static uint64_t map_file(pid_t tid, uint64_t base) {
    char path[64];
    struct user_regs_struct before;
    int64_t file, page = -1, closed;
    snprintf(path, sizeof path, "/proc/%d/fd/%d", getpid(), clock_descriptor);
    if (!go_to_call(tid) || !get_registers(tid, &before)) return 0; /* the end of its exec */
    uint64_t room = before.rsp - 1024, place = base + own.call;
    const uint64_t opening[7] = {SYS_openat, (uint64_t)AT_FDCWD, room, O_RDONLY | O_CLOEXEC};
    if (write_memory(tid, path, room, sizeof path) && let_call(tid, &before, place, opening, &file) && file >= 0) {
        const uint64_t mapping[7] = {SYS_mmap, 0, PAGE, PROT_READ, MAP_SHARED, (uint64_t)file, 0};
        const uint64_t closing[7] = {SYS_close, (uint64_t)file};
        if (!let_call(tid, &before, place, mapping, &page) || !let_call(tid, &before, place, closing, &closed)) return 0;
    }
    char nothing[sizeof path] = {0};
    write_memory(tid, nothing, room, sizeof nothing);
    before.orig_rax = (unsigned long long)-1;
    return set_registers(tid, &before) && page > 0 ? (uint64_t)page : 0;
}

static bool write_code(pid_t tid, uint64_t address, const unsigned char *code, size_t length) {
    for (size_t at = 0; at < length; at += 8) {
        uint64_t word = (uint64_t)ptrace(PTRACE_PEEKTEXT, tid, address + at, 0);
        memcpy(&word, code + at, length - at < 8 ? length - at : 8);
        if (ptrace(PTRACE_POKETEXT, tid, address + at, word) != 0) return false;
    }
    return true;
}

static bool replace_by_call(pid_t tid, uint64_t base, const Elf64_Sym *function, uint32_t number) {
    unsigned char code[16];
    size_t length = (size_t)(calling_ends - calling_begins);
    memcpy(code, calling_begins, length);
    memcpy(code + (calling_number - calling_begins) - sizeof number, &number, sizeof number);
    return write_code(tid, base + function->st_value, code, length);
}

bool replace_vdso(pid_t tid, uint64_t base) {
    char image[4 * PAGE];
    unsigned char code[256];
    find_own();
    if (own.image == NULL || !read_memory(tid, image, base, own.size) || memcmp(image, own.image, own.size) != 0)
        return false;
    uint64_t mask, all = ~UINT64_C(0);
    if (ptrace(PTRACE_GETSIGMASK, tid, sizeof mask, &mask) != 0) return false;
    if (ptrace(PTRACE_SETSIGMASK, tid, sizeof all, &all) != 0) return false;
    uint64_t page = map_file(tid, base);
    ptrace(PTRACE_SETSIGMASK, tid, sizeof mask, &mask);
    if (page == 0) return false;
    size_t length = (size_t)(reading_ends - reading_begins);
    memcpy(code, reading_begins, length);
    memcpy(code + (reading_file - reading_begins) - sizeof page, &page, sizeof page);
    return write_code(tid, base + own.read_clock->st_value, code, length) &&
           replace_by_call(tid, base, own.read_time_of_day, SYS_gettimeofday) &&
           replace_by_call(tid, base, own.read_seconds, SYS_time);
}
#else
bool replace_vdso(pid_t tid, uint64_t base) {
    (void)tid, (void)base;
    return false;
}
#endif
