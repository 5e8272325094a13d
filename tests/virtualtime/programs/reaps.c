/* Looks for ended children for half a second of processor time, while its living ones wait. The kernel calls a thread
 * asleep while it looks, although it runs. */
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHILDREN 40

int main(void) {
    struct timespec used = {0};
    for (int index = 0; index < CHILDREN; index++) {
        if (fork() != 0) continue;
        if (index == 0) sleep(1000);
        else pause();
        _exit(0);
    }
    while (used.tv_nsec < 500000000 && used.tv_sec == 0) {
        for (int round = 0; round < 100; round++) waitpid(-1, NULL, WNOHANG);
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    }
    signal(SIGTERM, SIG_IGN);
    kill(0, SIGTERM);
    while (wait(NULL) > 0) {}
    return 0;
}
