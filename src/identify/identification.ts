/** Identifies processes, and remembers for a short while: a scan asks for the same ones each second. */
import { statusOfPath } from '../kernel/descriptor.js';
import { isKernelError } from '../kernel/kernel-error.js';
import type { Workload } from '../model/holder.js';
import { RuntimeContainers } from './oci-runtime-state.js';
import { StateFiles } from './state-files.js';
import { readUserName, userIdsAreHosts } from './user-name.js';
import { workloadOf, type Subject } from './workload.js';

/** Milliseconds. As late may a container's new name be told. */
const MEMORY = 5000;

export interface HostFiles {
  /** Root directory of the host. */
  readonly root: string;
  /** Where its procfs is mounted. */
  readonly procRoot: string;
}

export class Identification {
  readonly #files: StateFiles;
  readonly #runtimes: RuntimeContainers;
  readonly #namesUsers: boolean;
  readonly #told = new Map<number, { subject: Subject; workload: Workload | null }>();
  #users = new Map<number, string>();
  #since = -Infinity;

  constructor(
    host: HostFiles,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.#files = new StateFiles(host.root);
    this.#runtimes = new RuntimeContainers(this.#files, host.procRoot);
    this.#namesUsers = userIdsAreHosts(host.procRoot);
  }

  /** What people call what the process belongs to; null when it is not certain. */
  readonly workloadOf = (subject: Subject): Workload | null => {
    this.#forget();
    const before = this.#told.get(subject.pid);
    if (before !== undefined && isSame(before.subject, subject)) return before.workload;
    const workload = workloadOf(this.#files, this.#runtimes, subject);
    this.#told.set(subject.pid, { subject, workload });
    return workload;
  };

  /** Empty when the host's /etc/passwd has no such user. */
  readonly userNameOf = (uid: number): string => {
    if (!this.#namesUsers) return '';
    this.#forget();
    let name = this.#users.get(uid);
    if (name === undefined) {
      name = readUserName(this.#files, uid);
      this.#users.set(uid, name);
    }
    return name;
  };

  #forget(): void {
    const now = this.now();
    if (now - this.#since < MEMORY) return;
    this.#since = now;
    this.#told.clear();
    this.#users = new Map();
    this.#runtimes.forget();
    this.#files.sweep();
  }
}

/** Whether all that a workload is told from is the same. */
function isSame(a: Subject, b: Subject): boolean {
  return (
    a.startTime === b.startTime &&
    a.executable === b.executable &&
    a.commandLine.length === b.commandLine.length &&
    a.commandLine.every((word, at) => word === b.commandLine[at]) &&
    a.controlGroups.length === b.controlGroups.length &&
    a.controlGroups.every(
      ({ controllers, path }, at) =>
        controllers === b.controlGroups[at]?.controllers && path === b.controlGroups[at].path,
    )
  );
}

/**
 * Where the files of the host are. In a container that shares the host's processes they are behind the
 * first process; where that may not be looked at, our own root directory has to do.
 */
export function hostRoot(procRoot: string): string {
  const first = `${procRoot}/1/root`;
  try {
    const [host, own] = [statusOfPath(first), statusOfPath('/')];
    const same =
      host.inode === own.inode && host.devMajor === own.devMajor && host.devMinor === own.devMinor;
    return same ? '/' : first;
  } catch (error) {
    if (isKernelError(error)) return '/';
    throw error;
  }
}
