// The least work that finds every open file of every process: one thread, getdents64 of /proc and of
// each /proc/PID/fd, readlinkat of each fd. What everything else is measured against. For each line on
// standard input it walks once and prints "NANOSECONDS FDS TUN_FDS".
#define _GNU_SOURCE
#include <ctype.h>
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct dirent64 {
    uint64_t ino;
    int64_t off;
    unsigned short reclen;
    unsigned char type;
    char name[];
};

static long fds, tuns;

static void walk_fds(int proc, const char *pid) {
    char path[32], entries[32768], target[4096];
    snprintf(path, sizeof path, "%s/fd", pid);
    int directory = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return; // gone, or not ours to see
    long size;
    while ((size = syscall(SYS_getdents64, directory, entries, sizeof entries)) > 0) {
        for (long at = 0; at < size;) {
            struct dirent64 *entry = (struct dirent64 *)(entries + at);
            at += entry->reclen;
            if (!isdigit((unsigned char)entry->name[0])) continue;
            long length = readlinkat(directory, entry->name, target, sizeof target);
            if (length < 0) continue;
            fds++;
            tuns += length == 12 && memcmp(target, "/dev/net/tun", 12) == 0;
        }
    }
    close(directory);
}

static void walk(void) {
    char entries[32768];
    int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (proc < 0) err(1, "/proc");
    long size;
    while ((size = syscall(SYS_getdents64, proc, entries, sizeof entries)) > 0) {
        for (long at = 0; at < size;) {
            struct dirent64 *entry = (struct dirent64 *)(entries + at);
            at += entry->reclen;
            if (isdigit((unsigned char)entry->name[0])) walk_fds(proc, entry->name);
        }
    }
    close(proc);
}

int main(void) {
    char line[16];
    while (fgets(line, sizeof line, stdin)) {
        struct timespec from, to;
        fds = tuns = 0;
        clock_gettime(CLOCK_MONOTONIC, &from);
        walk();
        clock_gettime(CLOCK_MONOTONIC, &to);
        printf("%lld %ld %ld\n", (to.tv_sec - from.tv_sec) * 1000000000LL + to.tv_nsec - from.tv_nsec,
               fds, tuns);
        fflush(stdout);
    }
    return 0;
}
