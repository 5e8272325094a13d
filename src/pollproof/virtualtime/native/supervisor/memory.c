/* The program's memory and descriptors. */
#include "supervisor.h"

#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

bool read_memory(pid_t tid, void *target, uint64_t address, size_t length) {
    struct iovec local = {target, length}, remote = {(void *)(uintptr_t)address, length};
    return process_vm_readv(tid, &local, 1, &remote, 1, 0) == (ssize_t)length;
}

bool write_memory(pid_t tid, const void *source, uint64_t address, size_t length) {
    struct iovec local = {(void *)(uintptr_t)source, length}, remote = {(void *)(uintptr_t)address, length};
    return process_vm_writev(tid, &local, 1, &remote, 1, 0) == (ssize_t)length;
}

/* Descriptors of processes, the most recently used ones. */
#define KEPT 64
static struct {
    pid_t pid;
    int fd;
} processes[KEPT];
static unsigned next_place;

static int descriptor_of(pid_t pid) {
    for (int index = 0; index < KEPT; index++)
        if (processes[index].pid == pid) return processes[index].fd;
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0) return -1;
    unsigned place = next_place++ % KEPT;
    if (processes[place].pid != 0) close(processes[place].fd);
    processes[place].pid = pid;
    processes[place].fd = fd;
    return fd;
}

void forget_pid(pid_t pid) {
    for (int index = 0; index < KEPT; index++) {
        if (processes[index].pid != pid) continue;
        close(processes[index].fd);
        processes[index].pid = 0;
    }
}

int copy_descriptor(pid_t pid, int fd) {
    int process = descriptor_of(pid);
    return process < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, process, fd, 0);
}

uint64_t socket_inode(int fd) {
    struct stat status;
    return fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode) ? status.st_ino : 0;
}
