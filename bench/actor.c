// Does to a tap what changes who holds it, or where and how it is, when told to by a line on standard
// input, and answers each line with "NANOSECONDS TOOK VALUE": the CLOCK_MONOTONIC time right before the
// system call that matters, how long that took (0 where it is another process's), and what the command
// says below. It works in two network namespaces of its own, 0
// and 1, and begins in 0. Ends, and leaves nothing behind, when its standard input ends or its parent dies.
//
//   make NAME        makes a persistent tap in the current namespace and leaves it down; the namespace's inode
//   attach NAME      opens the device node and attaches to the tap; pid
//   detach           closes the only descriptor of the file that `attach` opened; 0
//   rename NAME NEW  inode of the namespace
//   move NAME        moves the tap to the other namespace, which becomes the current one; its inode
//   fork             a child has the descriptor, too; its pid
//   exec             the child starts a program, in which it has the descriptor; its pid
//   exit             the child ends; its pid
//   dup              one more descriptor of the file; its number
//   drop             closes that; its number
//   pass             sends the descriptor to a process that has waited for it; its pid
//   wake             wakes a thread that sleeps in epoll_wait; nanoseconds until it runs
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int namespaces[2], current;
static int held = -1, duplicate = -1, clock_file;
// When the child did what it was told to; it is another process's to say.
static volatile int64_t *child_time;
static pid_t child;
// When the system call that matters was over.
static int64_t done;

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void die_with(pid_t parent) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) err(1, "prctl");
    // It may have gone before the call.
    if (getppid() != parent) _exit(1);
}

static long inode_of(int namespace) {
    struct stat status;
    if (fstat(namespace, &status) < 0) err(1, "fstat");
    return status.st_ino;
}

static void enter(int which) {
    current = which;
    if (setns(namespaces[which], CLONE_NEWNET) < 0) err(1, "setns");
}

static void make_namespaces(void) {
    for (int i = 0; i < 2; i++) {
        if (unshare(CLONE_NEWNET) < 0) err(1, "unshare");
        namespaces[i] = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        if (namespaces[i] < 0) err(1, "/proc/self/ns/net");
    }
    enter(0);
}

static int open_node(void) {
    int fd = open("/dev/net/tun", O_RDWR);
    if (fd < 0) err(1, "/dev/net/tun");
    return fd;
}

static void set_interface(int fd, const char *name) {
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    snprintf(request.ifr_name, IFNAMSIZ, "%s", name);
    if (ioctl(fd, TUNSETIFF, &request) < 0) err(1, "TUNSETIFF");
}

static void make(const char *name) {
    int fd = open_node();
    set_interface(fd, name);
    if (ioctl(fd, TUNSETPERSIST, 1) < 0) err(1, "TUNSETPERSIST");
    close(fd);
}

static int64_t attach(const char *name) {
    held = open_node();
    int64_t before = now();
    set_interface(held, name);
    done = now();
    return before;
}

static int64_t close_timed(int *fd) {
    int64_t before = now();
    if (close(*fd) < 0) err(1, "close");
    done = now();
    *fd = -1;
    return before;
}

static int64_t rename_link(const char *name, const char *new_name) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) err(1, "socket");
    struct ifreq request = {0};
    snprintf(request.ifr_name, IFNAMSIZ, "%s", name);
    snprintf(request.ifr_newname, IFNAMSIZ, "%s", new_name);
    int64_t before = now();
    if (ioctl(fd, SIOCSIFNAME, &request) < 0) err(1, "SIOCSIFNAME");
    done = now();
    close(fd);
    return before;
}

static int64_t move_link(const char *name) {
    struct {
        struct nlmsghdr header;
        struct ifinfomsg link;
        struct rtattr attribute;
        int namespace;
    } request = {
        .header = {sizeof request, RTM_SETLINK, NLM_F_REQUEST | NLM_F_ACK, 1, 0},
        .link = {.ifi_index = (int)if_nametoindex(name)},
        .attribute = {RTA_LENGTH(sizeof(int)), IFLA_NET_NS_FD},
        .namespace = namespaces[1 - current],
    };
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
        char rest[1024];
    } answer;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0) err(1, "socket");
    int64_t before = now();
    if (send(fd, &request, sizeof request, 0) < 0) err(1, "send");
    done = now();
    if (recv(fd, &answer, sizeof answer, 0) < 0) err(1, "recv");
    if (answer.header.nlmsg_type != NLMSG_ERROR || answer.error.error != 0)
        errx(1, "%s was not moved: %s", name, strerror(-answer.error.error));
    close(fd);
    enter(1 - current);
    return before;
}

static int64_t child_did(void) {
    while (*child_time == 0) usleep(50);
    int64_t time = *child_time;
    *child_time = 0;
    return time;
}

static void start_program(int signal) {
    (void)signal;
    char file[16];
    snprintf(file, sizeof file, "%d", clock_file);
    *child_time = now();
    execl("/proc/self/exe", "actor", file, (char *)NULL);
    _exit(1);
}

static void leave(int signal) {
    (void)signal;
    *child_time = now();
    _exit(0);
}

static void map_clock(void) {
    child_time = mmap(NULL, sizeof *child_time, PROT_READ | PROT_WRITE, MAP_SHARED, clock_file, 0);
    if (child_time == MAP_FAILED) err(1, "mmap");
}

// What `exec` starts: it waits for the end, with the descriptor that it was started with.
_Noreturn static void hold(int file) {
    clock_file = file;
    map_clock();
    signal(SIGTERM, leave);
    // It was blocked while there was nobody to handle it.
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    while (1) pause();
}

static int64_t fork_holder(void) {
    pid_t parent = getpid();
    int64_t before = now();
    child = fork();
    if (child < 0) err(1, "fork");
    if (child > 0) {
        done = now();
        return before;
    }
    die_with(parent);
    while (1) pause();
}

static int64_t tell_child(int signal) {
    if (kill(child, signal) < 0) err(1, "kill");
    int64_t time = child_did();
    if (signal == SIGTERM) waitpid(child, NULL, 0);
    return time;
}

// A process that was there before the descriptor, and gets it over a socket.
static pid_t start_receiver(int *socket_to_it) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) err(1, "socketpair");
    pid_t parent = getpid(), pid = fork();
    if (pid < 0) err(1, "fork");
    *socket_to_it = pair[0];
    if (pid > 0) {
        close(pair[1]);
        return pid;
    }
    die_with(parent);
    close(pair[0]);
    char byte, control[CMSG_SPACE(sizeof(int))];
    struct iovec data = {&byte, 1};
    while (1) {
        struct msghdr message = {
            .msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
        if (recvmsg(pair[1], &message, 0) <= 0) _exit(0);
    }
}

static int64_t pass(int socket_to_receiver) {
    char byte = 0;
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr header;
    } control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    memcpy(CMSG_DATA(&control.header), &held, sizeof held);
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    int64_t before = now();
    if (sendmsg(socket_to_receiver, &message, 0) < 0) err(1, "sendmsg");
    return before;
}

static int wake_file, woken_pipe[2];

static void *sleeper(void *nothing) {
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, wake_file, &event) < 0) err(1, "epoll");
    while (1) {
        if (epoll_wait(epoll, &event, 1, -1) < 1) continue;
        int64_t time = now();
        uint64_t count;
        if (read(wake_file, &count, sizeof count) < 0) err(1, "eventfd");
        if (write(woken_pipe[1], &time, sizeof time) < 0) err(1, "pipe");
    }
    return nothing;
}

static int64_t wake(long *took) {
    static int is_started;
    pthread_t thread;
    if (!is_started) {
        wake_file = eventfd(0, EFD_CLOEXEC);
        if (wake_file < 0 || pipe(woken_pipe) < 0) err(1, "eventfd or pipe");
        if (pthread_create(&thread, NULL, sleeper, NULL) != 0) errx(1, "pthread_create");
        is_started = 1;
        usleep(10000); // Until it sleeps.
    }
    uint64_t one = 1;
    int64_t time, before = now();
    if (write(wake_file, &one, sizeof one) < 0) err(1, "eventfd");
    if (read(woken_pipe[0], &time, sizeof time) != sizeof time) err(1, "pipe");
    *took = time - before;
    return before;
}

int main(int argc, char **argv) {
    if (argc == 2) hold(atoi(argv[1]));
    // An interrupt from the terminal is for whoever measures, who then ends this.
    signal(SIGINT, SIG_IGN);
    die_with(getppid());
    clock_file = memfd_create("clock", 0);
    if (clock_file < 0 || ftruncate(clock_file, sizeof *child_time) < 0) err(1, "memfd_create");
    map_clock();
    // Before there is a child: it may be told at once.
    signal(SIGUSR1, start_program);
    sigset_t end;
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    sigprocmask(SIG_BLOCK, &end, NULL);
    make_namespaces();
    int receiver_socket;
    pid_t receiver = start_receiver(&receiver_socket);

    char line[64], verb[16], name[IFNAMSIZ], new_name[IFNAMSIZ];
    while (fgets(line, sizeof line, stdin)) {
        int64_t time = now();
        long value = 0;
        done = 0;
        int words = sscanf(line, "%15s %15s %15s", verb, name, new_name);
        if (words < 1) continue;
        if (strcmp(verb, "make") == 0) {
            make(name);
            value = inode_of(namespaces[current]);
        } else if (strcmp(verb, "attach") == 0) {
            time = attach(name);
            value = getpid();
        } else if (strcmp(verb, "detach") == 0) {
            time = close_timed(&held);
        } else if (strcmp(verb, "rename") == 0) {
            time = rename_link(name, new_name);
            value = inode_of(namespaces[current]);
        } else if (strcmp(verb, "move") == 0) {
            time = move_link(name);
            value = inode_of(namespaces[current]);
        } else if (strcmp(verb, "fork") == 0) {
            time = fork_holder();
            value = child;
        } else if (strcmp(verb, "exec") == 0) {
            time = tell_child(SIGUSR1);
            value = child;
        } else if (strcmp(verb, "exit") == 0) {
            time = tell_child(SIGTERM);
            value = child;
        } else if (strcmp(verb, "dup") == 0) {
            time = now();
            value = duplicate = dup(held);
        } else if (strcmp(verb, "drop") == 0) {
            value = duplicate;
            time = close_timed(&duplicate);
        } else if (strcmp(verb, "pass") == 0) {
            time = pass(receiver_socket);
            value = receiver;
        } else if (strcmp(verb, "wake") == 0) {
            time = wake(&value);
        } else {
            errx(2, "unknown: %s", verb);
        }
        long long took = done == 0 ? 0 : done - time;
        printf("%lld %lld %ld\n", (long long)time, took, value);
        fflush(stdout);
    }
    // The persistent tap goes with its namespaces, the processes with this one.
    return 0;
}
