/* Replies to calls that the kernel has handed over. A thread that has died meanwhile needs none. */
#include "supervisor.h"

#include <sys/ioctl.h>

static void send_reply(uint64_t id, int64_t value, int error, uint32_t flags) {
    struct seccomp_notif_resp response = {.id = id, .val = value, .error = error, .flags = flags};
    ioctl(notifications, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

void reply(uint64_t id, int64_t value) {
    send_reply(id, value, 0, 0);
}

void reply_error(uint64_t id, int error) {
    send_reply(id, 0, -error, 0);
}

void proceed(uint64_t id) {
    send_reply(id, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
}

bool still_waits(uint64_t id) {
    return ioctl(notifications, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}
