/** Makes bindings of accounted devices. Pure. */
import { resourceName, type Device } from '../model/device.js';
import type { Binding } from '../model/binding.js';
import type { Holder, HolderFd, Process, Workload } from '../model/holder.js';
import type { AccountedDevice, Accounts } from './accounts.js';
import type { Attachment } from './attachment.js';
import type { NetnsBook } from './netns-book.js';
import type { OpenFile } from './open-files.js';
import type { PlacedDevice } from './place.js';
import type { ProcessFacts } from './process-facts.js';

/** What bindings are made of, beside the devices. */
export interface BindingSources {
  readonly book: NetnsBook;
  readonly processes: ReadonlyMap<number, ProcessFacts>;
  readonly queueIds: ReadonlyMap<OpenFile, string>;
  readonly candidates: Accounts['candidates'];
  readonly workloadOf: (process: ProcessFacts) => Workload | null;
  readonly userNameOf: (uid: number) => string;
}

export function bindingOf(accounted: AccountedDevice, sources: BindingSources): Binding {
  const { placed, found, account, judgement, hints } = accounted;
  const device = deviceOf(placed, sources.book);
  return {
    name: resourceName(device.netns, device.ifindex),
    device,
    holders: holdersOf(accounted, sources),
    verdict: judgement.verdict,
    hints,
    reasons: judgement.reasons,
    queues: { attached: account.attached, disabled: account.disabled, found },
  };
}

function deviceOf({ netns, device }: PlacedDevice, book: NetnsBook): Device {
  const { link, driver, master } = device;
  const { tun } = link;
  return {
    name: nameText(link.name),
    ifindex: link.ifindex,
    kind:
      driver === 'macvtap'
        ? 'MACVTAP'
        : driver === 'ipvtap'
          ? 'IPVTAP'
          : tun?.tap === true
            ? 'TAP'
            : 'TUN',
    netns: book.get(netns.inode),
    hardwareAddress: link.hardwareAddress,
    mtu: link.mtu,
    up: link.up,
    master: master === null ? null : { ...master, name: nameText(master.name) },
    // A macvtap or ipvtap link stays until it is deleted, and any number of files may attach.
    persistent: tun?.persistent ?? true,
    multiQueue: tun?.multiQueue ?? true,
    packetInfo: tun?.packetInfo ?? false,
    vnetHdr: tun?.vnetHdr ?? false,
    ownerUid: tun?.owner ?? null,
    groupGid: tun?.group ?? null,
    alias: link.alias,
    statistics: link.statistics,
  };
}

/**
 * Name of an interface as text. Until here it is its bytes: the kernel takes any but a few, and two
 * names that differ only in what is no UTF-8 must not become one before holders have found their device.
 */
function nameText(bytes: string): string {
  return isAscii(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString('utf8');
}

function isAscii(bytes: string): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes.charCodeAt(i) > 127) return false;
  return true;
}

function holdersOf(
  { openFiles, untold }: Pick<AccountedDevice, 'openFiles' | 'untold'>,
  sources: BindingSources,
): Holder[] {
  const fds = new Map<number, HolderFd[]>();
  const add = (attachment: Attachment, queue: string) => {
    const ofProcess = fds.get(attachment.pid);
    const fd = fdOf(attachment, queue, sources);
    if (ofProcess === undefined) fds.set(attachment.pid, [fd]);
    else ofProcess.push(fd);
  };
  for (const file of openFiles) {
    const queue = sources.queueIds.get(file)!;
    for (const attachment of file) add(attachment, queue);
  }
  for (const attachment of untold) add(attachment, '');
  const holders: Holder[] = [];
  for (const [pid, ofProcess] of fds) {
    const facts = sources.processes.get(pid);
    if (facts === undefined) continue;
    holders.push({
      process: processOf(facts, sources),
      workload: sources.workloadOf(facts),
      fds: ofProcess.sort((a, b) => (a.tid ?? 0) - (b.tid ?? 0) || a.fd - b.fd),
    });
  }
  return holders.sort((a, b) => a.process.pid - b.process.pid);
}

function processOf(facts: ProcessFacts, { book, userNameOf }: BindingSources): Process {
  const { uid, netnsInode } = facts;
  return {
    pid: facts.pid,
    startTime: facts.startTime,
    ppid: facts.ppid,
    comm: facts.comm,
    executable: facts.executable,
    commandLine: facts.commandLine,
    uid,
    userName: userNameOf(uid),
    gid: facts.gid,
    nsPids: facts.nsPids,
    netns: netnsInode === null ? null : book.get(netnsInode),
    cgroup: facts.cgroup,
  };
}

function fdOf(attachment: Attachment, queue: string, sources: BindingSources): HolderFd {
  const { fd, tid, detached, openedNetns, evidence } = attachment;
  return {
    fd,
    tid,
    queue,
    detached,
    openedIn: openedNetns === null ? null : sources.book.get(openedNetns),
    evidence,
    candidates: evidence === 'NAME' ? (sources.candidates.get(attachment) ?? 0) : 0,
  };
}
