// Has a program run on a kernel that refuses certain calls: a seccomp filter, as a container engine or a
// service manager sets one, or as if the kernel were too old to know the call.
import { fileURLToPath } from 'node:url';

/** The ioctls and options that tapmap asks with: include/uapi/linux/{if_tun,sockios}.h, asm-generic/socket.h. */
const REQUESTS = {
  TUNGETIFF: { call: 'ioctl', argument: 1, value: 0x800454d2 },
  TUNGETDEVNETNS: { call: 'ioctl', argument: 1, value: 0x54e3 },
  SIOCGSKNS: { call: 'ioctl', argument: 1, value: 0x894c },
  SIOCGIFHWADDR: { call: 'ioctl', argument: 1, value: 0x8927 },
  SIOCETHTOOL: { call: 'ioctl', argument: 1, value: 0x8946 },
  SO_NETNS_COOKIE: { call: 'getsockopt', argument: 2, value: 71 },
  AF_NETLINK: { call: 'socket', argument: 0, value: 16 },
  /** pidfd_open(2) of a thread, since 6.9. */
  PIDFD_THREAD: { call: 'pidfd_open', argument: 1, value: 0o200 },
} as const;

// arch/x86/entry/syscalls/syscall_64.tbl; include/uapi/asm-generic/unistd.h for arm64.
const CALLS = {
  ioctl: { x64: 16, arm64: 29 },
  getsockopt: { x64: 55, arm64: 209 },
  socket: { x64: 41, arm64: 198 },
  setns: { x64: 308, arm64: 268 },
  kcmp: { x64: 312, arm64: 272 },
  bpf: { x64: 321, arm64: 280 },
  statx: { x64: 332, arm64: 291 },
  pidfd_send_signal: { x64: 424, arm64: 424 },
  pidfd_open: { x64: 434, arm64: 434 },
  openat2: { x64: 437, arm64: 437 },
  pidfd_getfd: { x64: 438, arm64: 438 },
} as const;

/** errno(3), include/uapi/asm-generic/errno.h. */
const ERRNOS = {
  EPERM: 1,
  EACCES: 13,
  EINVAL: 22,
  ENOTTY: 25,
  ENOSYS: 38,
  ENOPROTOOPT: 92,
  EOPNOTSUPP: 95,
  EAFNOSUPPORT: 97,
} as const;

/** What to refuse, and what the caller is told. */
export type Refusal = readonly [
  what: keyof typeof REQUESTS | Exclude<keyof typeof CALLS, 'ioctl'>,
  errno: keyof typeof ERRNOS,
];

/** A command line that execs what follows it on a kernel that refuses these. Inherited by its children. */
export function refusing(...refusals: readonly Refusal[]): string[] {
  const main = fileURLToPath(new URL('./refusal-main.ts', import.meta.url));
  const filter = seccompFilter(refusals).toString('base64');
  return [process.execPath, '--import', import.meta.resolve('tsx'), main, filter];
}

// include/uapi/linux/bpf_common.h, seccomp.h
const LOAD_WORD = 0x20;
const JUMP_IF_EQUAL = 0x15;
const RETURN = 0x06;
const ALLOW = 0x7fff0000;
const REFUSE = 0x00050000;
/** Of struct seccomp_data: the number of the call, the lower half of its arguments (little-endian). */
const NUMBER = 0;
const argumentAt = (index: number) => 16 + 8 * index;

/** The program of struct sock_fprog: an array of struct sock_filter. */
function seccompFilter(refusals: readonly Refusal[]): Buffer {
  const program = refusals.flatMap(([what, errno]) => {
    const refuse = instruction(RETURN, REFUSE | ERRNOS[errno]);
    if (!(what in REQUESTS)) {
      const number = callNumber(what as keyof typeof CALLS);
      return [instruction(LOAD_WORD, NUMBER), instruction(JUMP_IF_EQUAL, number, 0, 1), refuse];
    }
    const { call, argument, value } = REQUESTS[what as keyof typeof REQUESTS];
    return [
      instruction(LOAD_WORD, NUMBER),
      instruction(JUMP_IF_EQUAL, callNumber(call), 0, 3),
      instruction(LOAD_WORD, argumentAt(argument)),
      instruction(JUMP_IF_EQUAL, value, 0, 1),
      refuse,
    ];
  });
  return Buffer.concat([...program, instruction(RETURN, ALLOW)]);
}

function callNumber(call: keyof typeof CALLS): number {
  return CALLS[call][process.arch === 'arm64' ? 'arm64' : 'x64'];
}

/** `ifTrue` and `ifFalse`: how many instructions a jump leaves out. */
function instruction(code: number, value: number, ifTrue = 0, ifFalse = 0): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(code, 0);
  bytes.writeUInt8(ifTrue, 2);
  bytes.writeUInt8(ifFalse, 3);
  bytes.writeUInt32LE(value >>> 0, 4);
  return bytes;
}
