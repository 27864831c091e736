// A host full of processes, for measuring: PROCESSES processes with FDS open files each, a mix of
// regular files, sockets and pipes, and TAPS tap queues spread over the first HOLDERS of them, in a
// network namespace made for them. Prints "ready PID" and stays until its standard input ends or its
// parent dies; then nothing of it is left.
//
//   crowd PROCESSES FDS TAPS HOLDERS
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void die_with(pid_t parent) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) err(1, "prctl");
    // It may have gone before the call.
    if (getppid() != parent) _exit(1);
}

static void open_tap(int number) {
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    snprintf(request.ifr_name, IFNAMSIZ, "crowd%d", number);
    int fd = open("/dev/net/tun", O_RDWR);
    if (fd < 0) err(1, "/dev/net/tun");
    if (ioctl(fd, TUNSETIFF, &request) < 0) err(1, "TUNSETIFF");
}

// Opens files until this process has `wanted` of them. `kind` goes round, so that the mix is even.
static void open_files(int open_already, int wanted) {
    int pair[2];
    for (int have = open_already, kind = 0; have < wanted; kind++) {
        if (kind % 3 == 0 || have + 1 == wanted) {
            if (open("/proc/self/exe", O_RDONLY) < 0) err(1, "open");
            have += 1;
        } else {
            int failed = kind % 3 == 1 ? socketpair(AF_UNIX, SOCK_STREAM, 0, pair) : pipe(pair);
            if (failed) err(1, "socketpair or pipe");
            have += 2;
        }
    }
}

static void member(pid_t parent, int started, int fds, int first_tap, int taps) {
    die_with(parent);
    for (int i = 0; i < taps; i++) open_tap(first_tap + i);
    // 0, 1 and 2 besides; `started` is closed below.
    open_files(3 + taps, fds);
    if (write(started, "", 1) != 1) _exit(1);
    close(started);
    while (1) pause();
}

int main(int argc, char **argv) {
    if (argc != 5) errx(2, "usage: crowd PROCESSES FDS TAPS HOLDERS");
    int processes = atoi(argv[1]), fds = atoi(argv[2]), taps = atoi(argv[3]), holders = atoi(argv[4]);
    if (holders < 1 || holders > processes || fds < 3 + (taps + holders - 1) / holders)
        errx(2, "more taps than fit");

    // An interrupt from the terminal is for whoever measures, who then ends the crowd and waits for it.
    signal(SIGINT, SIG_IGN);
    // The parent of main is whoever measures: the crowd does not outlive it.
    die_with(getppid());
    struct rlimit limit = {.rlim_cur = fds + 16, .rlim_max = fds + 16};
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) err(1, "setrlimit");
    if (unshare(CLONE_NEWNET) < 0) err(1, "unshare");

    int started[2];
    if (pipe(started) < 0) err(1, "pipe");
    int null = open("/dev/null", O_RDWR);
    pid_t parent = getpid();
    pid_t *pids = calloc(processes, sizeof *pids);
    for (int i = 0, tap = 0; i < processes; i++) {
        int share = i < holders ? taps / holders + (i < taps % holders) : 0;
        pids[i] = fork();
        if (pids[i] < 0) err(1, "fork");
        if (pids[i] == 0) {
            dup2(null, 0);
            dup2(null, 1);
            close(null);
            close(started[0]);
            member(parent, started[1], fds, tap, share);
        }
        tap += share;
    }
    close(started[1]);
    char byte;
    for (int i = 0; i < processes; i++)
        if (read(started[0], &byte, 1) != 1) errx(1, "a process of the crowd ended early");
    printf("ready %d\n", parent);
    fflush(stdout);

    while (read(0, &byte, 1) > 0) continue;
    for (int i = 0; i < processes; i++) kill(pids[i], SIGKILL);
    while (wait(NULL) > 0) continue;
    return 0;
}
