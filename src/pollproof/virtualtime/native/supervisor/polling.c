/* Waits for files: poll, select, epoll, and receiving with a time-out. The supervisor waits on duplicates of the
 * program's descriptors, and writes the result into the program's memory itself. */
#include "supervisor.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/time.h>
#include <unistd.h>

#define MOST_FILES 4096
#define MOST_EVENTS 1024

int watched = -1;

static uint32_t epoll_events(short events) {
    uint32_t result = EPOLLHUP | EPOLLERR;
    if (events & POLLIN) result |= EPOLLIN;
    if (events & POLLOUT) result |= EPOLLOUT;
    if (events & POLLPRI) result |= EPOLLPRI;
    if (events & POLLRDHUP) result |= EPOLLRDHUP;
    if (events & POLLRDNORM) result |= EPOLLRDNORM;
    if (events & POLLWRNORM) result |= EPOLLWRNORM;
    return result;
}

static void watch(struct parked_wait *wait) {
    for (int index = 0; index < wait->file_count; index++) {
        if (wait->files[index].fd < 0) continue;
        struct epoll_event event = {.events = epoll_events(wait->files[index].events), .data.ptr = wait->thread};
        epoll_ctl(watched, EPOLL_CTL_ADD, wait->files[index].fd, &event);
    }
}

static void close_files(struct pollfd *files, int count, bool is_watched) {
    for (int index = 0; index < count; index++) {
        if (files[index].fd < 0) continue;
        if (is_watched) epoll_ctl(watched, EPOLL_CTL_DEL, files[index].fd, NULL);
        close(files[index].fd);
    }
    free(files);
}

void release_files(struct parked_wait *wait) {
    close_files(wait->files, wait->file_count, true);
    wait->files = NULL;
    wait->file_count = 0;
}

/* Descriptors for signals are ready where signals of the one who looks are pending. So a duplicate of one says nothing,
 * and the wait counts as one for those signals. */
static bool has_signal_descriptors;

void note_signal_descriptor(struct call *call) {
    has_signal_descriptors = true;
    proceed(call->id);
}

#define DEEPEST 4 /* an epoll descriptor may be in another one */

/* The signals for which a descriptor, or one that is in it, is ready. */
static uint64_t signals_of(pid_t pid, int fd, int depth) {
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/fdinfo/%d", pid, fd);
    FILE *file = fopen(path, "re");
    uint64_t signals = 0;
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        unsigned long long mask;
        int inner;
        if (sscanf(line, "sigmask: %llx", &mask) == 1) signals |= mask;
        if (depth < DEEPEST && sscanf(line, "tfd: %d", &inner) == 1) signals |= signals_of(pid, inner, depth + 1);
    }
    if (file != NULL) fclose(file);
    return signals;
}

static void add_mask(struct parked_wait *wait, uint64_t address) {
    uint64_t mask;
    if (address != 0 && read_memory(wait->thread->tid, &mask, address, sizeof mask)) wait->signals |= ~mask;
}

/* The files that a wait is for: duplicates of the program's descriptors, and signals. */
struct files {
    struct pollfd *copies;
    int count;
    uint64_t signals;
};

static void park_with_files(struct call *call, enum wait_kind kind, int64_t deadline, const struct files *files) {
    struct parked_wait *wait = park(call, kind, deadline);
    uint64_t mask_place = 0;
    wait->files = files->copies;
    wait->file_count = files->count;
    wait->signals = files->signals;
    if (call->number == SYS_ppoll) add_mask(wait, call->arguments[3]);
    if (kind == WAIT_EPOLL && call->number != SYS_plain_epoll_wait) add_mask(wait, call->arguments[4]);
    if (call->number == SYS_ppoll || call->number == SYS_pselect6)
        wait->remaining_at = call->arguments[call->number == SYS_ppoll ? 2 : 4];
    if (call->number == SYS_pselect6 && call->arguments[5] != 0 &&
        read_memory(call->thread->tid, &mask_place, call->arguments[5], 8))
        add_mask(wait, mask_place);
#ifdef SYS_select
    if (call->number == SYS_select) {
        wait->remaining_at = call->arguments[4];
        wait->remaining_in_microseconds = true;
    }
#endif
    watch(wait);
    end_ready_wait(wait);
}

/* poll */

/* One that is not open is ready as POLLNVAL, and kept as -2. */
static struct files duplicates(pid_t pid, const struct pollfd *files, int count) {
    struct files result = {.copies = calloc((size_t)count + 1, sizeof *files), .count = count};
    if (result.copies == NULL) fail("memory");
    for (int index = 0; index < count; index++) {
        int fd = files[index].fd;
        result.copies[index] = (struct pollfd){.fd = -1, .events = files[index].events};
        if (fd < 0) continue;
        uint64_t signals = has_signal_descriptors ? signals_of(pid, fd, DEEPEST) : 0;
        result.signals |= signals;
        if (signals != 0) continue;
        int copy = copy_descriptor(pid, fd);
        result.copies[index].fd = copy >= 0 ? copy : -2;
    }
    return result;
}

static struct files one_file(int copy, short events) {
    struct files files = {.copies = calloc(1, sizeof *files.copies), .count = 1};
    if (files.copies == NULL) fail("memory");
    files.copies[0] = (struct pollfd){.fd = copy, .events = events};
    return files;
}

/* How many are ready, as poll counts. */
static int look_at_files(struct pollfd *files, int count) {
    int ready = poll(files, (nfds_t)count, 0);
    if (ready < 0) ready = 0;
    for (int index = 0; index < count; index++) {
        if (files[index].fd != -2) continue;
        files[index].revents = POLLNVAL;
        ready++;
    }
    return ready;
}

static void write_poll_result(struct parked_wait *wait) {
    for (int index = 0; index < wait->file_count; index++)
        write_memory(wait->thread->tid, &wait->files[index].revents,
                     wait->arguments[0] + (uint64_t)index * sizeof(struct pollfd) + offsetof(struct pollfd, revents),
                     sizeof(short));
}

void wait_for_files(struct call *call) {
    int64_t length;
    if (call->number == SYS_ppoll) {
        if (!read_timespec(call->thread->tid, call->arguments[2], &length)) length = -1;
    } else length = (int64_t)(int)call->arguments[2] * MILLISECOND;
    uint64_t count = call->arguments[1];
    if (length <= 0 || count > MOST_FILES) {
        proceed(call->id); /* a look, or an error that the kernel finds */
        return;
    }
    if (was_interrupted(call)) {
        reply_error(call->id, EINTR);
        return;
    }
    struct pollfd files[MOST_FILES];
    if (count > 0 && !read_memory(call->thread->tid, files, call->arguments[0], count * sizeof *files)) {
        reply_error(call->id, EFAULT);
        return;
    }
    struct files copies = duplicates(call->thread->pid, files, (int)count);
    park_with_files(call, WAIT_FILES, deadline_after(length), &copies);
}

/* select */

#define SETS 3
static const short set_events[SETS] = {
    POLLIN | POLLRDNORM | POLLRDBAND, POLLOUT | POLLWRNORM | POLLWRBAND, POLLPRI};
static const short set_results[SETS] = {
    POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR, POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR, POLLPRI};

#define SET_WORDS (MOST_FILES / 64)

static bool read_sets(struct call *call, int count, uint64_t sets[SETS][SET_WORDS]) {
    memset(sets, 0, SETS * SET_WORDS * 8);
    for (int set = 0; set < SETS; set++) {
        uint64_t address = call->arguments[1 + set];
        size_t bytes = ((size_t)count + 63) / 64 * 8;
        if (address != 0 && bytes > 0 && !read_memory(call->thread->tid, sets[set], address, bytes)) return false;
    }
    return true;
}

void wait_for_sets(struct call *call) {
    int64_t length = -1;
    if (call->number == SYS_pselect6) {
        if (!read_timespec(call->thread->tid, call->arguments[4], &length)) length = -1;
    } else {
        struct timeval time;
        if (read_memory(call->thread->tid, &time, call->arguments[4], sizeof time) && time.tv_sec >= 0)
            length = time.tv_sec >= FOREVER / SECOND ? FOREVER : time.tv_sec * SECOND + time.tv_usec * MICROSECOND;
    }
    int count = (int)call->arguments[0];
    uint64_t sets[SETS][SET_WORDS];
    if (length <= 0 || count < 0 || count > MOST_FILES || !read_sets(call, count, sets)) {
        proceed(call->id);
        return;
    }
    if (was_interrupted(call)) {
        reply_error(call->id, EINTR);
        return;
    }
    struct pollfd files[MOST_FILES] = {0};
    for (int fd = 0; fd < count; fd++) {
        short events = 0;
        for (int set = 0; set < SETS; set++)
            if (sets[set][fd / 64] >> (fd % 64) & 1) events |= set_events[set];
        files[fd] = (struct pollfd){.fd = events == 0 ? -1 : fd, .events = events};
    }
    struct files copies = duplicates(call->thread->pid, files, count);
    for (int fd = 0; fd < count; fd++) {
        if (copies.copies[fd].fd != -2) continue;
        close_files(copies.copies, count, false);
        reply_error(call->id, EBADF);
        return;
    }
    park_with_files(call, WAIT_SELECT, deadline_after(length), &copies);
}

/* The sets that the program gave become the sets of what is ready. How many are. */
static int write_sets(struct parked_wait *wait, bool nothing) {
    uint64_t requested[SETS][SET_WORDS], ready[SETS][SET_WORDS];
    struct call call = {.thread = wait->thread, .arguments = (const __u64 *)wait->arguments};
    memset(ready, 0, sizeof ready);
    int count = 0;
    if (!read_sets(&call, wait->file_count, requested)) return 0;
    for (int fd = 0; fd < wait->file_count && !nothing; fd++) {
        for (int set = 0; set < SETS; set++) {
            bool wanted = requested[set][fd / 64] >> (fd % 64) & 1;
            if (!wanted || !(wait->files[fd].revents & set_results[set])) continue;
            ready[set][fd / 64] |= UINT64_C(1) << (fd % 64);
            count++;
        }
    }
    if (count == 0 && !nothing) return 0;
    size_t bytes = ((size_t)wait->file_count + 63) / 64 * 8;
    for (int set = 0; set < SETS; set++)
        if (wait->arguments[1 + set] != 0 && bytes > 0)
            write_memory(wait->thread->tid, ready[set], wait->arguments[1 + set], bytes);
    return count;
}

/* epoll */

void wait_for_events(struct call *call) {
    int64_t length;
    if (call->number == SYS_epoll_pwait2) {
        if (!read_timespec(call->thread->tid, call->arguments[3], &length)) length = -1;
    } else length = (int64_t)(int)call->arguments[3] * MILLISECOND;
    int copy = length > 0 && (int)call->arguments[2] > 0 ? copy_descriptor(call->thread->pid, (int)call->arguments[0]) : -1;
    if (copy < 0) {
        proceed(call->id);
        return;
    }
    if (was_interrupted(call)) {
        close(copy);
        reply_error(call->id, EINTR);
        return;
    }
    struct files files = one_file(copy, POLLIN);
    if (has_signal_descriptors) files.signals = signals_of(call->thread->pid, (int)call->arguments[0], 0);
    park_with_files(call, WAIT_EPOLL, deadline_after(length), &files);
}

/* SO_RCVTIMEO and SO_SNDTIMEO: a call waits with a deadline when its socket has been given one. */

enum direction { RECEIVING, SENDING };

static struct limit {
    uint64_t inode;
    int64_t lengths[2];
} *limits;
static size_t limit_count;

static struct limit *limit_of(uint64_t inode) {
    for (size_t index = 0; index < limit_count && inode != 0; index++)
        if (limits[index].inode == inode) return &limits[index];
    return NULL;
}

void note_timeout_option(struct call *call) {
    struct timeval time;
    int option = (int)call->arguments[2];
    enum direction direction = option == SO_SNDTIMEO || option == SENDING_TIME_64 ? SENDING : RECEIVING;
    int copy = (int)call->arguments[1] == SOL_SOCKET ? copy_descriptor(call->thread->pid, (int)call->arguments[0]) : -1;
    uint64_t inode = copy < 0 ? 0 : socket_inode(copy);
    if (copy >= 0) close(copy);
    if (inode != 0 && call->arguments[4] >= sizeof time &&
        read_memory(call->thread->tid, &time, call->arguments[3], sizeof time)) {
        if (limit_of(inode) == NULL) {
            void *more = realloc(limits, (limit_count + 1) * sizeof *limits);
            if (more == NULL) fail("memory");
            limits = more;
            limits[limit_count++] = (struct limit){.inode = inode};
        }
        limit_of(inode)->lengths[direction] = time.tv_sec * SECOND + time.tv_usec * MICROSECOND;
    }
    proceed(call->id);
}

bool has_receive_timeout(pid_t pid, int fd) {
    int copy = limit_count == 0 ? -1 : copy_descriptor(pid, fd);
    struct limit *limit = copy < 0 ? NULL : limit_of(socket_inode(copy));
    if (copy >= 0) close(copy);
    return limit != NULL && limit->lengths[RECEIVING] > 0;
}

static bool waits_for_socket(struct call *call, int fd, enum direction direction, uint64_t flags) {
    int copy = limit_count == 0 || (flags & MSG_DONTWAIT) ? -1 : copy_descriptor(call->thread->pid, fd);
    if (copy < 0) return false;
    struct limit *limit = limit_of(socket_inode(copy));
    struct files files = one_file(copy, direction == SENDING ? POLLOUT : POLLIN);
    bool waits = limit != NULL && limit->lengths[direction] > 0 && !(fcntl(copy, F_GETFL) & O_NONBLOCK) &&
                 poll(files.copies, 1, 0) == 0;
    bool is_interrupted = waits && was_interrupted(call);
    if (!waits || is_interrupted) {
        close_files(files.copies, 1, false);
        if (is_interrupted) reply_error(call->id, EINTR);
        return is_interrupted;
    }
    park_with_files(call, WAIT_SOCKET, deadline_after(limit->lengths[direction]), &files);
    return true;
}

static void receive(struct call *call, uint64_t flags) {
    if (!waits_for_socket(call, (int)call->arguments[0], RECEIVING, flags)) proceed(call->id);
}

void wait_to_receive(struct call *call) {
    receive(call, call->arguments[call->number == SYS_recvmsg ? 2 : 3]);
}

void wait_to_accept(struct call *call) {
    receive(call, 0);
}

bool waits_to_send(struct call *call, int fd) {
    uint64_t flags = call->number == SYS_sendto || call->number == SYS_sendmmsg ? call->arguments[3]
                     : call->number == SYS_sendmsg                              ? call->arguments[2]
                                                                                : 0;
    return waits_for_socket(call, fd, SENDING, flags);
}

/* Message queues are files that can be waited for. */
void wait_for_queue(struct call *call) {
    int64_t time;
    int copy = read_timespec(call->thread->tid, call->arguments[4], &time) && time >= 0
                   ? copy_descriptor(call->thread->pid, (int)call->arguments[0]) : -1;
    if (copy < 0) {
        proceed(call->id);
        return;
    }
    struct files files = one_file(copy, call->number == SYS_mq_timedsend ? POLLOUT : POLLIN);
    bool is_over = (fcntl(copy, F_GETFL) & O_NONBLOCK) || poll(files.copies, 1, 0) != 0;
    bool is_interrupted = !is_over && was_interrupted(call);
    if (is_over || is_interrupted) {
        close_files(files.copies, 1, false);
        if (is_interrupted) reply_error(call->id, EINTR);
        else proceed(call->id);
    } else park_with_files(call, WAIT_QUEUE, deadline_at(CLOCK_REALTIME, time), &files);
}

/* The end of a wait for files */

static int collect_events(struct parked_wait *wait) {
    struct epoll_event events[MOST_EVENTS];
    int room = (int)wait->arguments[2] < MOST_EVENTS ? (int)wait->arguments[2] : MOST_EVENTS;
    int count = epoll_wait(wait->files[0].fd, events, room, 0);
    if (count > 0) write_memory(wait->thread->tid, events, wait->arguments[1], (size_t)count * sizeof *events);
    return count > 0 ? count : 0;
}

/* Whether it was ready, and is parked no more. */
bool end_ready_wait(struct parked_wait *wait) {
    if (wait->kind < WAIT_FILES || wait->kind > WAIT_QUEUE || !still_waits(wait->id)) return false;
    if (wait->kind == WAIT_EPOLL) {
        int count = collect_events(wait);
        if (count == 0) return false;
        reply(wait->id, count);
        unpark(wait);
        return true;
    }
    int ready = look_at_files(wait->files, wait->file_count);
    if (ready == 0) return false;
    if (wait->kind == WAIT_SELECT) ready = write_sets(wait, false);
    if (ready == 0) return false;
    if (wait->kind == WAIT_FILES) write_poll_result(wait);
    if (wait->kind == WAIT_SOCKET || wait->kind == WAIT_QUEUE) proceed(wait->id);
    else reply(wait->id, ready);
    unpark(wait);
    return true;
}

void expire_files(struct parked_wait *wait) {
    if (wait->kind == WAIT_FILES) write_poll_result(wait);
    if (wait->kind == WAIT_SELECT) write_sets(wait, true);
    reply(wait->id, 0);
}

void files_are_ready(void) {
    struct epoll_event events[64];
    int count = epoll_wait(watched, events, 64, 0);
    for (int index = 0; index < count; index++) {
        /* An earlier one of these may have ended the thread's wait. */
        for (struct thread *thread = all_threads; thread != NULL; thread = thread->next) {
            if (thread != events[index].data.ptr) continue;
            if (thread->parked != NULL) end_ready_wait(thread->parked);
            break;
        }
    }
}
