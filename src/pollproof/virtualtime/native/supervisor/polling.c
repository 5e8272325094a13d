/* Waits for files: poll, select, epoll, and receiving with a time-out. The supervisor waits on duplicates of the
 * program's descriptors, and writes the result into the program's memory itself. */
#include "supervisor.h"

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

static void park_with_files(struct call *call, enum wait_kind kind, int64_t deadline, struct pollfd *files, int count) {
    struct parked_wait *wait = park(call, kind, deadline);
    wait->files = files;
    wait->file_count = count;
    if (kind == WAIT_FILES && call->number == SYS_ppoll && call->arguments[3] != 0)
        wait->has_mask = read_memory(call->thread->tid, &wait->mask, call->arguments[3], 8);
    if (kind == WAIT_EPOLL && call->arguments[4] != 0 && call->number != SYS_plain_epoll_wait)
        wait->has_mask = read_memory(call->thread->tid, &wait->mask, call->arguments[4], 8);
    if (call->number == SYS_ppoll || call->number == SYS_pselect6)
        wait->remaining_at = call->arguments[call->number == SYS_ppoll ? 2 : 4];
    uint64_t mask_place;
    if (call->number == SYS_pselect6 && call->arguments[5] != 0 &&
        read_memory(call->thread->tid, &mask_place, call->arguments[5], 8) && mask_place != 0)
        wait->has_mask = read_memory(call->thread->tid, &wait->mask, mask_place, 8);
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

/* Duplicates of the descriptors. One that is not open is ready as POLLNVAL, and kept as -2. */
static struct pollfd *duplicates(pid_t pid, const struct pollfd *files, int count) {
    struct pollfd *copies = calloc((size_t)count + 1, sizeof *copies);
    if (copies == NULL) fail("memory");
    for (int index = 0; index < count; index++) {
        copies[index] = (struct pollfd){.fd = -1, .events = files[index].events};
        if (files[index].fd < 0) continue;
        int copy = copy_descriptor(pid, files[index].fd);
        copies[index].fd = copy >= 0 ? copy : -2;
    }
    return copies;
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
    struct pollfd *copies = duplicates(call->thread->pid, files, (int)count);
    park_with_files(call, WAIT_FILES, deadline_after(length), copies, (int)count);
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
    struct pollfd *copies = duplicates(call->thread->pid, files, count);
    for (int fd = 0; fd < count; fd++) {
        if (copies[fd].fd != -2) continue;
        close_files(copies, count, false);
        reply_error(call->id, EBADF);
        return;
    }
    park_with_files(call, WAIT_SELECT, deadline_after(length), copies, count);
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
    struct pollfd *files = calloc(1, sizeof *files);
    if (files == NULL) fail("memory");
    files[0] = (struct pollfd){.fd = copy, .events = POLLIN};
    park_with_files(call, WAIT_EPOLL, deadline_after(length), files, 1);
}

/* SO_RCVTIMEO: a receiving call waits with a deadline when its socket has been given one. */

static struct {
    uint64_t inode;
    int64_t length;
} *receivers;
static size_t receiver_count;

void note_timeout_option(struct call *call) {
    struct timeval time;
    int copy = (int)call->arguments[1] == SOL_SOCKET ? copy_descriptor(call->thread->pid, (int)call->arguments[0]) : -1;
    uint64_t inode = copy < 0 ? 0 : socket_inode(copy);
    if (copy >= 0) close(copy);
    if (inode != 0 && call->arguments[4] >= sizeof time &&
        read_memory(call->thread->tid, &time, call->arguments[3], sizeof time)) {
        size_t index = 0;
        while (index < receiver_count && receivers[index].inode != inode) index++;
        if (index == receiver_count) {
            void *more = realloc(receivers, (receiver_count + 1) * sizeof *receivers);
            if (more == NULL) fail("memory");
            receivers = more;
            receivers[receiver_count++].inode = inode;
        }
        receivers[index].length = time.tv_sec * SECOND + time.tv_usec * MICROSECOND;
    }
    proceed(call->id);
}

static int64_t receive_timeout(int copy) {
    uint64_t inode = receiver_count > 0 ? socket_inode(copy) : 0;
    for (size_t index = 0; index < receiver_count && inode != 0; index++)
        if (receivers[index].inode == inode) return receivers[index].length;
    return 0;
}

bool has_receive_timeout(pid_t pid, int fd) {
    if (receiver_count == 0) return false;
    int copy = copy_descriptor(pid, fd);
    if (copy < 0) return false;
    int64_t length = receive_timeout(copy);
    close(copy);
    return length > 0;
}

void wait_to_receive(struct call *call) {
    int flags = (int)call->arguments[call->number == SYS_recvmsg ? 2 : 3];
    int copy = receiver_count > 0 && !(flags & MSG_DONTWAIT)
                   ? copy_descriptor(call->thread->pid, (int)call->arguments[0]) : -1;
    if (copy < 0) {
        proceed(call->id);
        return;
    }
    int64_t length = receive_timeout(copy);
    struct pollfd *files = calloc(1, sizeof *files);
    if (files == NULL) fail("memory");
    files[0] = (struct pollfd){.fd = copy, .events = POLLIN};
    if (length <= 0 || poll(files, 1, 0) != 0 || was_interrupted(call)) {
        close_files(files, 1, false);
        proceed(call->id);
        return;
    }
    park_with_files(call, WAIT_RECEIVE, deadline_after(length), files, 1);
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
    if (wait->kind < WAIT_FILES || wait->kind > WAIT_RECEIVE || !still_waits(wait->id)) return false;
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
    if (wait->kind == WAIT_RECEIVE) proceed(wait->id);
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
