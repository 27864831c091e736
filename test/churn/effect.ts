// What an operation makes true. Sources: drivers/net/tun.c, net/core/net_namespace.c, unix(7),
// execve(2), netlink messages of iproute2.
import type { Operation } from './operation.js';
import { attaching, deviceOf } from './possible.js';
import type { TrueFd, TrueProcess, Truth } from './truth.js';

/** First descriptor of a child; those below are its standard input, output and error. */
const FIRST_INHERITED = 3;

/**
 * `operation` is possible and was carried out. `learned` is the number that the kernel gave: the pid of a
 * process, the number of a descriptor, the inode of a namespace, the id of a thread; 0 for an attach
 * that was refused.
 */
export function happened(truth: Truth, operation: Operation, learned: number): void {
  apply(truth, operation, learned);
  truth.collect();
}

function apply(truth: Truth, operation: Operation, learned: number): void {
  switch (operation.do) {
    case 'start':
      truth.processes.set(operation.process, {
        pid: learned,
        netns: truth.home,
        obeys: true,
        threads: new Map(),
        parent: null,
      });
      return;
    case 'enter':
      truth.agent(operation.process)!.netns = truth.netns(operation.netns)!;
      return;
    case 'open': {
      const process = truth.agent(operation.process)!;
      const file = {
        openedIn: process.netns,
        device: null,
        detached: false,
        wasAttached: false,
        inFlight: 0,
      };
      truth.files.add(file);
      truth.addFd({ process, tid: null, number: learned, file, kept: false }, operation.fd);
      return;
    }
    case 'attach':
      if (learned !== 0) attach(truth, operation);
      return;
    case 'detach':
    case 'reattach':
      truth.fd(operation.fd)!.file.detached = operation.do === 'detach';
      return;
    case 'persist':
      truth.fd(operation.fd)!.file.device!.persistent = operation.on;
      return;
    case 'dup':
      truth.addFd({ ...truth.fd(operation.fd)!, number: learned, kept: false }, operation.copy);
      return;
    case 'keep':
      truth.fd(operation.fd)!.kept = true;
      return;
    case 'close':
      truth.closeFd(truth.fd(operation.fd)!);
      return;
    case 'fork':
      fork(truth, operation, learned);
      return;
    case 'thread': {
      const process = truth.agent(operation.process)!;
      process.threads.set(learned, process.netns);
      for (const fd of fdsOf(truth, process)) {
        if (fd.tid === null) truth.addFd({ ...fd, tid: learned });
      }
      for (const ring of truth.rings.values()) {
        if (ring.process === process && ring.tables.has(null)) ring.tables.add(learned);
      }
      return;
    }
    case 'exec': {
      const process = truth.agent(operation.process)!;
      process.obeys = false;
      process.threads.clear();
      for (const fd of fdsOf(truth, process)) {
        if (fd.tid !== null || !fd.kept) truth.closeFd(fd);
      }
      closeRings(truth, process);
      return;
    }
    case 'kill': {
      const process = truth.processes.get(operation.process)!;
      truth.processes.delete(operation.process);
      for (const fd of fdsOf(truth, process)) truth.closeFd(fd);
      closeRings(truth, process);
      return;
    }
    case 'send': {
      const { file } = truth.fd(operation.fd)!;
      file.inFlight++;
      truth.boxes[operation.box]!.push(file);
      return;
    }
    case 'receive': {
      const process = truth.agent(operation.process)!;
      const file = truth.boxes[operation.box]!.shift()!;
      file.inFlight--;
      truth.addFd({ process, tid: null, number: learned, file, kept: false }, operation.fd);
      return;
    }
    case 'register': {
      const { process, file } = truth.fd(operation.fd)!;
      truth.rings.set(operation.ring, { process, number: learned, file, tables: new Set([null]) });
      return;
    }
    case 'close-ring':
      truth.rings.get(operation.ring)!.tables.delete(null);
      return;
    case 'add-netns': {
      const { netns: name, number } = operation;
      truth.namespaces.add({ number, name, inode: learned });
      return;
    }
    case 'delete-netns':
      truth.netns(operation.netns)!.name = null;
      return;
    case 'create':
      truth.devices.add({
        ...operation.mode,
        netns: truth.netns(operation.netns)!,
        name: operation.device,
        persistent: true,
        up: false,
        moves: 0,
        queues: new Set(),
      });
      return;
    case 'delete':
      truth.removeDevice(deviceOf(truth, operation)!);
      return;
    case 'rename':
      deviceOf(truth, operation)!.name = operation.to;
      return;
    case 'move': {
      const device = deviceOf(truth, operation)!;
      device.netns = truth.netns(operation.to)!;
      device.up = false;
      device.moves++;
      return;
    }
    case 'up':
    case 'down':
      deviceOf(truth, operation)!.up = operation.do === 'up';
      return;
    case 'look':
    case 'rest':
      return;
  }
}

function attach(truth: Truth, operation: Operation & { do: 'attach' }): void {
  const { file } = truth.fd(operation.fd)!;
  const { mode } = operation;
  const target = attaching(truth, file, operation.device, mode);
  if (target === 'refused') return;
  const device =
    target === 'new'
      ? {
          ...mode,
          netns: file.openedIn,
          name: operation.device,
          persistent: false,
          up: false,
          moves: 0,
          queues: new Set<typeof file>(),
        }
      : target;
  truth.devices.add(device);
  device.queues.add(file);
  file.device = device;
  // The only file on a device says what its packets are preceded by.
  if (device.queues.size === 1) {
    device.vnetHdr = mode.vnetHdr;
    device.packetInfo = mode.packetInfo;
  }
}

function fork(truth: Truth, operation: Operation & { do: 'fork' }, pid: number): void {
  const parent = truth.agent(operation.process)!;
  const threads = new Map<number, typeof parent.netns>();
  const child = { pid, netns: parent.netns, obeys: false, threads, parent };
  truth.processes.set(operation.child, child);
  const firstOther = FIRST_INHERITED + operation.fds.length;
  for (const fd of fdsOf(truth, parent)) {
    // A child of Node is forked and then exec'ed: what survives that is there, too, under its own number.
    if (fd.tid === null && fd.kept && fd.number >= firstOther) {
      truth.addFd({ ...fd, process: child });
    }
  }
  for (const [index, fd] of operation.fds.entries()) {
    const { file } = truth.fd(fd)!;
    truth.addFd({ process: child, tid: null, number: FIRST_INHERITED + index, file, kept: true });
  }
}

function fdsOf(truth: Truth, process: TrueProcess): TrueFd[] {
  return [...truth.fds].filter((fd) => fd.process === process);
}

function closeRings(truth: Truth, process: TrueProcess): void {
  for (const ring of truth.rings.values()) if (ring.process === process) ring.tables.clear();
}
