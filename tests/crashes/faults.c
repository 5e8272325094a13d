/* Breaks the process that it is preloaded into at one of its system calls: CRASH_AT=TOKEN:HOW:WHEN.

   The first process that removes the file TOKEN is the one. HOW is the number of a signal that it gets at its WHEN-th
   call, or `full` (no file takes anything from then on), `closed` (standard output takes nothing from then on), or
   `count` (a byte for each call is appended to the file TOKEN.calls). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

enum { IDLE, SIGNAL, FULL, CLOSED, COUNT, OTHER };

static int how = IDLE, number, calls = -1;
static long when, seen;

static void arm(void) {
  const char *given = getenv("CRASH_AT");
  if (given == NULL || how != IDLE) return;
  char token[512], word[16], name[520];
  if (sscanf(given, "%511[^:]:%15[^:]:%ld", token, word, &when) != 3) return;
  if (syscall(SYS_unlink, token) != 0) { how = OTHER; return; }
  number = atoi(word);
  how = number ? SIGNAL : !strcmp(word, "full") ? FULL : !strcmp(word, "closed") ? CLOSED : COUNT;
  if (how == COUNT) {
    snprintf(name, sizeof name, "%s.calls", token);
    calls = syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  }
}

static int regular(int descriptor) {
  struct stat found;
  return descriptor > 2 && fstat(descriptor, &found) == 0 && S_ISREG(found.st_mode);
}

/* Whether a program has given up on its output, and has put /dev/null there. */
static int device(int descriptor) {
  struct stat found;
  return fstat(descriptor, &found) == 0 && S_ISCHR(found.st_mode);
}

/* One more call; 0, or the error that it is to fail with. `stores` says whether it takes room on a disk. */
static int hit(char kind, int stores, int descriptor) {
  if (how == IDLE) arm();
  if (how == IDLE || how == OTHER) return 0;
  long now = __atomic_add_fetch(&seen, 1, __ATOMIC_SEQ_CST);
  if (how == COUNT) syscall(SYS_write, calls, &kind, 1);
  else if (how == SIGNAL && now == when) syscall(SYS_kill, getpid(), number);
  else if (how == FULL && now >= when && stores) return ENOSPC;
  else if (how == CLOSED && now >= when && descriptor == 1 && !device(1)) return EPIPE;
  return 0;
}

#define BREAK(kind, stores, descriptor) \
  do { int error = hit(kind, stores, descriptor); if (error) { errno = error; return -1; } } while (0)

ssize_t write(int descriptor, const void *data, size_t size) {
  BREAK('w', regular(descriptor), descriptor);
  return syscall(SYS_write, descriptor, data, size);
}
ssize_t writev(int descriptor, const struct iovec *parts, int count) {
  BREAK('w', regular(descriptor), descriptor);
  return syscall(SYS_writev, descriptor, parts, count);
}
static int opened(int folder, const char *path, int flags, int mode) {
  int makes = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
  BREAK('o', makes, -1);
  return syscall(SYS_openat, folder, path, flags, mode);
}
#define MODE va_list rest; va_start(rest, flags); int mode = va_arg(rest, int); va_end(rest)
int open(const char *path, int flags, ...) { MODE; return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE; return opened(AT_FDCWD, path, flags, mode); }
int openat(int folder, const char *path, int flags, ...) { MODE; return opened(folder, path, flags, mode); }
int openat64(int folder, const char *path, int flags, ...) { MODE; return opened(folder, path, flags, mode); }
int rename(const char *from, const char *to) { BREAK('n', 0, -1); return syscall(SYS_rename, from, to); }
int renameat(int a, const char *from, int b, const char *to) { BREAK('n', 0, -1); return syscall(SYS_renameat, a, from, b, to); }
int linkat(int a, const char *from, int b, const char *to, int flags) {
  BREAK('l', 1, -1);
  return syscall(SYS_linkat, a, from, b, to, flags);
}
int unlink(const char *path) { BREAK('u', 0, -1); return syscall(SYS_unlink, path); }
int unlinkat(int folder, const char *path, int flags) { BREAK('u', 0, -1); return syscall(SYS_unlinkat, folder, path, flags); }
int mkdir(const char *path, mode_t mode) { BREAK('d', 1, -1); return syscall(SYS_mkdir, path, mode); }
int fsync(int descriptor) { BREAK('s', 0, -1); return syscall(SYS_fsync, descriptor); }
int connect(int socket, const struct sockaddr *address, socklen_t size) { BREAK('c', 0, -1); return REAL(connect)(socket, address, size); }
ssize_t send(int socket, const void *data, size_t size, int flags) { BREAK('t', 0, -1); return REAL(send)(socket, data, size, flags); }
ssize_t recv(int socket, void *data, size_t size, int flags) { BREAK('r', 0, -1); return REAL(recv)(socket, data, size, flags); }
ssize_t read(int descriptor, void *data, size_t size) { BREAK('r', 0, -1); return syscall(SYS_read, descriptor, data, size); }
