/* Waits for a twentieth of a second by a call that no clock follows, and then for a signal that an alarm sends. */
#include <signal.h>
#include <stddef.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int semtimedop(int, struct sembuf *, size_t, const struct timespec *);

static void catch(int number) { (void)number; }

int main(void) {
    struct itimerval alarm = {.it_value = {.tv_sec = 600}};
    struct timespec moment = {.tv_nsec = 50000000};
    struct sembuf operation = {.sem_op = -1};
    sigset_t set, before;
    int semaphores = semget(IPC_PRIVATE, 1, 0600);
    signal(SIGALRM, catch);
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    sigprocmask(SIG_BLOCK, &set, &before);
    setitimer(ITIMER_REAL, &alarm, NULL);
    semtimedop(semaphores, &operation, 1, &moment);
    semctl(semaphores, 0, IPC_RMID);
    sigsuspend(&before);
    return 0;
}
