// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//
// Two iterators, read like files: every open file that is a device of interest or a namespace, with the
// device that it is attached to, and the namespaces of every task. They see the tasks of the reader's pid namespace, and number them as that
// does. The records are those of src/kernel/bpf-iterators.ts.
//
// Types of the kernel are declared with the fields that are used and nothing else: their places are
// those of the running kernel, which libbpf puts in when it loads this (CO-RE).

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef short __s16;
typedef unsigned int __u32;
typedef int __s32;
typedef unsigned long long __u64;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

// What the helpers ask for: one of the two of this file.
char LICENSE[] SEC("license") = "GPL";

#define KERNEL __attribute__((preserve_access_index))

struct ns_common {
    __u32 inum;
} KERNEL;

struct net {
    struct ns_common ns;
    __u64 net_cookie;
} KERNEL;

struct mnt_namespace {
    struct ns_common ns;
} KERNEL;

struct nsproxy {
    struct net *net_ns;
    struct mnt_namespace *mnt_ns;
} KERNEL;

struct upid {
    int nr;
} KERNEL;

struct pid {
    __u32 level;
    struct upid numbers[1];
} KERNEL;

struct files_struct;

struct task_struct {
    struct task_struct *group_leader;
    struct pid *thread_pid;
    struct nsproxy *nsproxy;
    struct files_struct *files;
    __u64 start_boottime;
} KERNEL;

struct super_block {
    __u32 s_dev;
} KERNEL;

struct inode {
    __u16 i_mode;
    __u32 i_rdev;
    unsigned long i_ino;
    struct super_block *i_sb;
} KERNEL;

struct file {
    struct inode *f_inode;
    void *private_data;
} KERNEL;

typedef struct {
    struct net *net;
} possible_net_t;

#define IFNAMSIZ 16

struct net_device {
    char name[IFNAMSIZ];
    int ifindex;
    possible_net_t nd_net;
} KERNEL;

struct sock_common {
    possible_net_t skc_net;
} KERNEL;

struct sock {
    struct sock_common __sk_common;
} KERNEL;

struct socket {
    struct file *file;
} KERNEL;

// drivers/net/tun.c
struct tun_struct {
    unsigned int flags;
    struct net_device *dev;
} KERNEL;

struct tun_file {
    struct sock sk;
    struct socket socket;
    struct tun_struct *tun;
    struct tun_struct *detached;
} KERNEL;

// include/linux/if_tap.h, of macvtap and ipvtap
struct tap_dev {
    struct net_device *dev;
} KERNEL;

struct tap_queue {
    struct sock sk;
    struct socket sock;
    struct tap_dev *tap;
    _Bool enabled;
} KERNEL;

struct seq_file;

struct bpf_iter_meta {
    struct seq_file *seq;
} KERNEL;

struct bpf_iter__task_file {
    struct bpf_iter_meta *meta;
    struct task_struct *task;
    __u32 fd;
    struct file *file;
} KERNEL;

struct bpf_iter__task {
    struct bpf_iter_meta *meta;
    struct task_struct *task;
} KERNEL;

#define S_IFMT 0170000
#define S_IFCHR 0020000
// MINORBITS of include/linux/kdev_t.h
#define MAJOR(dev) ((dev) >> 20)

#define MAJORS 4

// What to look for. Written before each read; device numbers as the kernel has them.
struct {
    __u32 tun;
    __u32 nsfs;
    // Of drivers whose devices have a node each; 0 where there are fewer.
    __u32 majors[MAJORS];
} wanted;

// The file is of a driver whose structures this kernel describes, and is theirs; it is attached.
#define KNOWN 1
#define ATTACHED 2
#define TAP 4
#define DETACHED 8

struct open_file {
    __u64 table;
    __u64 file;
    __u64 inode;
    // Nanoseconds since boot, of the process.
    __u64 started;
    __u32 pid;
    __u32 tid;
    __u32 fd;
    // 0: a namespace.
    __u32 device;
    __u64 netns_cookie;
    __u32 netns;
    __u32 opened_netns;
    __u32 ifindex;
    __u32 flags;
    char name[IFNAMSIZ];
};

struct task_namespaces {
    __u32 pid;
    __u32 tid;
    // 0: none, as of a task that has ended.
    __u32 netns;
    __u32 mount_namespace;
};

// The number of a task in the pid namespace of whoever reads.
static __u32 number_of(struct task_struct *task)
{
    struct task_struct *reader = (struct task_struct *)bpf_get_current_task();
    __u32 level = BPF_CORE_READ(reader, thread_pid, level);
    struct upid *numbers = (struct upid *)&BPF_CORE_READ(task, thread_pid)->numbers;
    __u32 number = 0;
    bpf_core_read(&number, sizeof(number),
                  &((struct upid *)((void *)numbers + level * bpf_core_type_size(struct upid)))->nr);
    return number;
}

static int is_wanted_device(__u32 device)
{
    if (device == wanted.tun) return 1;
    for (int i = 0; i < MAJORS; i++) {
        if (wanted.majors[i] != 0 && MAJOR(device) == wanted.majors[i]) return 1;
    }
    return 0;
}

static void tell_device(struct open_file *found, struct net_device *dev)
{
    struct net *netns = BPF_CORE_READ(dev, nd_net.net);
    found->flags |= ATTACHED;
    found->netns = BPF_CORE_READ(netns, ns.inum);
    if (bpf_core_field_exists(netns->net_cookie)) {
        found->netns_cookie = BPF_CORE_READ(netns, net_cookie);
    }
    found->ifindex = BPF_CORE_READ(dev, ifindex);
    BPF_CORE_READ_INTO(&found->name, dev, name);
}

// What is read stays there meanwhile: programs of iterators run inside an RCU read-side section, and
// devices and namespaces are freed after a grace period.
static void tell_tun(struct open_file *found, struct file *file)
{
    if (!bpf_core_type_exists(struct tun_file)) return;
    struct tun_file *tun_file = file->private_data;
    // Another file may have this number, or be no more than a path (O_PATH).
    if (BPF_CORE_READ(tun_file, socket.file) != file) return;
    found->flags = KNOWN;
    found->opened_netns = BPF_CORE_READ(tun_file, sk.__sk_common.skc_net.net, ns.inum);
    struct tun_struct *tun = BPF_CORE_READ(tun_file, tun);
    if (!tun) return;
    // IFF_TAP of include/uapi/linux/if_tun.h
    if (BPF_CORE_READ(tun, flags) & 2) found->flags |= TAP;
    if (BPF_CORE_READ(tun_file, detached)) found->flags |= DETACHED;
    tell_device(found, BPF_CORE_READ(tun, dev));
}

static void tell_tap(struct open_file *found, struct file *file)
{
    if (!bpf_core_type_exists(struct tap_queue)) return;
    struct tap_queue *queue = file->private_data;
    if (BPF_CORE_READ(queue, sock.file) != file) return;
    found->flags = KNOWN | TAP;
    found->opened_netns = BPF_CORE_READ(queue, sk.__sk_common.skc_net.net, ns.inum);
    struct tap_dev *tap = BPF_CORE_READ(queue, tap);
    if (!tap) return;
    if (!BPF_CORE_READ(queue, enabled)) found->flags |= DETACHED;
    tell_device(found, BPF_CORE_READ(tap, dev));
}

SEC("iter/task_file")
int find_files(struct bpf_iter__task_file *ctx)
{
    struct task_struct *task = ctx->task;
    struct file *file = ctx->file;
    if (!task || !file) return 0;

    struct inode *inode = file->f_inode;
    __u32 device = 0;
    if ((inode->i_mode & S_IFMT) == S_IFCHR) {
        device = inode->i_rdev;
        if (!is_wanted_device(device)) return 0;
    } else if (inode->i_sb->s_dev != wanted.nsfs) {
        return 0;
    }
    // Kernels before 5.11 show a shared table with each of its threads.
    struct task_struct *leader = task->group_leader;
    if (task != leader && task->files == leader->files) return 0;

    struct open_file found = {
        .table = (__u64)task->files,
        .file = (__u64)file,
        .inode = inode->i_ino,
        .started = leader->start_boottime,
        .pid = number_of(leader),
        .tid = number_of(task),
        .fd = ctx->fd,
        .device = device,
    };
    if (device == wanted.tun) tell_tun(&found, file);
    else if (device != 0) tell_tap(&found, file);
    bpf_seq_write(ctx->meta->seq, &found, sizeof(found));
    return 0;
}

// One record for each process, and one for each of its threads that has left the namespaces of the
// first one.
SEC("iter/task")
int find_tasks(struct bpf_iter__task *ctx)
{
    struct task_struct *task = ctx->task;
    if (!task) return 0;

    struct task_struct *leader = task->group_leader;
    // Of a thread that went to another namespace and came back they are the same, and nsproxy is not.
    struct net *netns = BPF_CORE_READ(task, nsproxy, net_ns);
    struct mnt_namespace *mount_namespace = BPF_CORE_READ(task, nsproxy, mnt_ns);
    if (task != leader) {
        if (!netns) return 0;
        if (netns == BPF_CORE_READ(leader, nsproxy, net_ns) &&
            mount_namespace == BPF_CORE_READ(leader, nsproxy, mnt_ns)) {
            return 0;
        }
    }

    struct task_namespaces found = {
        .pid = number_of(leader),
        .tid = number_of(task),
        .netns = BPF_CORE_READ(netns, ns.inum),
        .mount_namespace = BPF_CORE_READ(mount_namespace, ns.inum),
    };
    bpf_seq_write(ctx->meta->seq, &found, sizeof(found));
    return 0;
}
