/**
 * Processes that fork, exec and exit, as the process connector tells: NETLINK_CONNECTOR, CN_IDX_PROC. Needs
 * CAP_NET_ADMIN, and the initial pid, user and network namespace. Source: drivers/connector/cn_proc.c,
 * include/uapi/linux/cn_proc.h.
 */
import { close } from './descriptor.js';
import { KernelError } from './kernel-error.js';
import { addressOf, checked, lastErrno, libc } from './libc.js';
import { socket } from './netns.js';
import { attachFilter, setReceiveBuffer, type FilterInstruction } from './socket-option.js';

type Transfer = (fd: number, buffer: bigint, size: number, flags: number) => number;
type Bind = (fd: number, address: bigint, size: number) => number;
const sendCall = libc.func('long send(int fd, void *buffer, size_t size, int flags)') as Transfer;
const recvCall = libc.func('long recv(int fd, void *buffer, size_t size, int flags)') as Transfer;
const bindCall = libc.func('int bind(int fd, void *address, unsigned int size)') as Bind;

const AF_NETLINK = 16;
const SOCK_DGRAM = 2;
const NETLINK_CONNECTOR = 11;
const CN_IDX_PROC = 1;
const CN_VAL_PROC = 1;
const PROC_CN_MCAST_LISTEN = 1;
const NLMSG_DONE = 3;
const MSG_DONTWAIT = 0x40;

// struct nlmsghdr, struct cn_msg, then struct proc_event: what, cpu, timestamp, data.
const NLMSG_HEADER = 16;
const CN_MSG = 20;
const EVENT = NLMSG_HEADER + CN_MSG;
const EVENT_DATA = EVENT + 16;
const PROC_EVENT_FORK = 0x1;
const PROC_EVENT_EXEC = 0x2;
const PROC_EVENT_EXIT = 0x80000000;

export type ProcessEvent =
  | { readonly type: 'fork'; readonly pid: number; readonly child: number }
  | { readonly type: 'exec'; readonly pid: number }
  | { readonly type: 'exit'; readonly pid: number };

/** Room for what some thousand processes do before it is read. */
const RECEIVE_BUFFER = 4 * 1024 * 1024;

const buffer = Buffer.alloc(4096);
const bufferAddress = addressOf(buffer);

export class ProcessConnector {
  /** To be waited on. */
  readonly fd: number;

  /**
   * Tells events of these types only. Throws KernelError: EPERM, EPROTONOSUPPORT where the kernel was built
   * without it.
   */
  constructor(types: readonly ProcessEvent['type'][]) {
    this.fd = socket(AF_NETLINK, SOCK_DGRAM, NETLINK_CONNECTOR);
    try {
      attachFilter(this.fd, filterOf(types));
      setReceiveBuffer(this.fd, RECEIVE_BUFFER);
      const address = Buffer.alloc(12);
      address.writeUInt16LE(AF_NETLINK, 0);
      address.writeUInt32LE(CN_IDX_PROC, 8);
      checked('bind', bindCall(this.fd, addressOf(address), address.length));
      const request = Buffer.alloc(NLMSG_HEADER + CN_MSG + 4);
      request.writeUInt32LE(request.length, 0);
      request.writeUInt16LE(NLMSG_DONE, 4);
      request.writeUInt32LE(CN_IDX_PROC, NLMSG_HEADER);
      request.writeUInt32LE(CN_VAL_PROC, NLMSG_HEADER + 4);
      request.writeUInt16LE(4, NLMSG_HEADER + 16);
      request.writeUInt32LE(PROC_CN_MCAST_LISTEN, EVENT);
      checked('send', sendCall(this.fd, addressOf(request), request.length, 0));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * At most `most` of what has happened since the last call; threads that come and go are left out. Throws
   * KernelError: ENOBUFS when some of it was lost.
   */
  read(most: number): ProcessEvent[] {
    const events: ProcessEvent[] = [];
    for (let message = 0; message < most; message++) {
      const got = recvCall(this.fd, bufferAddress, buffer.length, MSG_DONTWAIT);
      if (got < 0) {
        const code = lastErrno();
        if (code === 'EAGAIN') return events;
        throw new KernelError('recv', code);
      }
      const event = parseProcessEvent(buffer.subarray(0, got));
      if (event !== null) events.push(event);
    }
    return events;
  }

  close(): void {
    close(this.fd);
  }
}

/**
 * Drops what nobody wants in the kernel already, as a host can have tens of thousands of these a second:
 * other types, and threads that come and go.
 */
function filterOf(types: readonly ProcessEvent['type'][]): FilterInstruction[] {
  const [LOAD, TO_X, IF_EQUAL, IF_EQUAL_X, RETURN] = [0x20, 0x07, 0x15, 0x1d, 0x06];
  const all = 0xffffffff;
  const equal = (one: number, other: number): FilterInstruction[] => [
    [LOAD, 0, 0, one],
    [TO_X, 0, 0, 0],
    [LOAD, 0, 0, other],
    [IF_EQUAL_X, 0, 1, 0],
    [RETURN, 0, 0, all],
    [RETURN, 0, 0, 0],
  ];
  const verdicts: Record<ProcessEvent['type'], [number, FilterInstruction[]]> = {
    fork: [PROC_EVENT_FORK, equal(EVENT_DATA + 8, EVENT_DATA + 12)],
    exec: [PROC_EVENT_EXEC, [[RETURN, 0, 0, all]]],
    exit: [PROC_EVENT_EXIT, equal(EVENT_DATA, EVENT_DATA + 4)],
  };
  const program: FilterInstruction[] = [[LOAD, 0, 0, EVENT]];
  for (const type of types) {
    const [what, verdict] = verdicts[type];
    program.push([IF_EQUAL, 0, verdict.length, inNetworkOrder(what)], ...verdict);
  }
  return [...program, [RETURN, 0, 0, 0]];
}

/** Filters load words in network order, and the kernel writes these in its own. */
function inNetworkOrder(word: number): number {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(word);
  return bytes.readUInt32BE();
}

/** Null for any other event, and for what is cut off. */
export function parseProcessEvent(bytes: Buffer): ProcessEvent | null {
  if (bytes.length < EVENT_DATA + 16) return null;
  if (bytes.readUInt32LE(NLMSG_HEADER) !== CN_IDX_PROC) return null;
  const what = bytes.readUInt32LE(EVENT);
  // Thread, then process.
  const [tid, pid] = [bytes.readInt32LE(EVENT_DATA), bytes.readInt32LE(EVENT_DATA + 4)];
  switch (what) {
    case PROC_EVENT_FORK: {
      const [childTid, child] = [
        bytes.readInt32LE(EVENT_DATA + 8),
        bytes.readInt32LE(EVENT_DATA + 12),
      ];
      return childTid === child ? { type: 'fork', pid, child } : null;
    }
    case PROC_EVENT_EXEC:
      return { type: 'exec', pid };
    case PROC_EVENT_EXIT:
      return tid === pid ? { type: 'exit', pid } : null;
    default:
      return null;
  }
}
