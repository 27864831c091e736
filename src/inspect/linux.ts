/**
 * All that inspection asks of the kernel, as one value: a test hands in the same with one call
 * replaced, to make something happen between two steps.
 */
import { readdirSync } from 'node:fs';
import { answersEthtool, combinedChannels, openEthtoolSocket } from '../kernel/ethtool.js';
import { close, readLink, statusOf, statusOfPath } from '../kernel/descriptor.js';
import { KernelError } from '../kernel/kernel-error.js';
import { compareFdTables, compareOpenFiles } from '../kernel/kcmp.js';
import { inNetns, isNetns, netnsCookie, openNetns } from '../kernel/netns.js';
import { deviceName } from '../kernel/netdevice.js';
import { pidfdGetfd, pidfdOpen, pidfdOpenThread, pidfdStands } from '../kernel/pidfd.js';
import { walkFdTable } from '../kernel/proc-fd.js';
import { readCgroup } from '../kernel/proc-pid-cgroup.js';
import { readCommandLine } from '../kernel/proc-pid-cmdline.js';
import {
  readFdinfoInterface,
  readFdsInFlight,
  readRegisteredFiles,
} from '../kernel/proc-pid-fdinfo.js';
import { readNetnsMounts } from '../kernel/proc-pid-mountinfo.js';
import { readPidStat } from '../kernel/proc-pid-stat.js';
import { readPidStatus } from '../kernel/proc-pid-status.js';
import {
  dumpLinks,
  openRouteSocket,
  readLinkByIndex,
  readLinkByName,
} from '../kernel/rtnetlink.js';
import { readTapNodes } from '../kernel/sys-dev-char.js';
import { tunDeviceNetns, tunHardwareAddress, tunInterface, tunOpenedNetns } from '../kernel/tun.js';

export interface Linux {
  readonly listNumbers: (directory: string) => number[];
  readonly walkFdTable: typeof walkFdTable;
  readonly statusOf: typeof statusOf;
  readonly statusOfPath: typeof statusOfPath;
  readonly readLink: typeof readLink;
  readonly close: typeof close;
  readonly pidfdOpen: typeof pidfdOpen;
  readonly pidfdOpenThread: typeof pidfdOpenThread;
  readonly pidfdStands: typeof pidfdStands;
  readonly pidfdGetfd: typeof pidfdGetfd;
  readonly compareOpenFiles: typeof compareOpenFiles;
  readonly compareFdTables: typeof compareFdTables;
  readonly tunInterface: typeof tunInterface;
  readonly tunDeviceNetns: typeof tunDeviceNetns;
  readonly tunOpenedNetns: typeof tunOpenedNetns;
  readonly tunHardwareAddress: typeof tunHardwareAddress;
  readonly readFdinfoInterface: typeof readFdinfoInterface;
  readonly readFdsInFlight: typeof readFdsInFlight;
  readonly readRegisteredFiles: typeof readRegisteredFiles;
  readonly readPidStat: typeof readPidStat;
  readonly readPidStatus: typeof readPidStatus;
  readonly readCommandLine: typeof readCommandLine;
  readonly readCgroup: typeof readCgroup;
  readonly readNetnsMounts: typeof readNetnsMounts;
  readonly openNetns: typeof openNetns;
  readonly isNetns: typeof isNetns;
  readonly inNetns: typeof inNetns;
  readonly netnsCookie: typeof netnsCookie;
  readonly openRouteSocket: typeof openRouteSocket;
  readonly dumpLinks: typeof dumpLinks;
  readonly readLinkByIndex: typeof readLinkByIndex;
  readonly readLinkByName: typeof readLinkByName;
  readonly deviceName: typeof deviceName;
  readonly openEthtoolSocket: typeof openEthtoolSocket;
  readonly answersEthtool: typeof answersEthtool;
  readonly combinedChannels: typeof combinedChannels;
  readonly readTapNodes: typeof readTapNodes;
}

/**
 * Entries of a directory that are numbers: processes of /proc, threads of /proc/PID/task. Throws
 * KernelError: ENOENT or ESRCH when the process ended.
 */
function listNumbers(directory: string): number[] {
  const numbers: number[] = [];
  for (const name of namesIn(directory)) {
    const number = Number(name);
    if (number > 0) numbers.push(number);
  }
  return numbers;
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw code === undefined ? error : new KernelError(`readdir ${directory}`, code);
  }
}

export const linux: Linux = {
  listNumbers,
  walkFdTable,
  statusOf,
  statusOfPath,
  readLink,
  close,
  pidfdOpen,
  pidfdOpenThread,
  pidfdStands,
  pidfdGetfd,
  compareOpenFiles,
  compareFdTables,
  tunInterface,
  tunDeviceNetns,
  tunOpenedNetns,
  tunHardwareAddress,
  readFdinfoInterface,
  readFdsInFlight,
  readRegisteredFiles,
  readPidStat,
  readPidStatus,
  readCommandLine,
  readCgroup,
  readNetnsMounts,
  openNetns,
  isNetns,
  inNetns,
  netnsCookie,
  openRouteSocket,
  dumpLinks,
  readLinkByIndex,
  readLinkByName,
  deviceName,
  openEthtoolSocket,
  answersEthtool,
  combinedChannels,
  readTapNodes,
};
