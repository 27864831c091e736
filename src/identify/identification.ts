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
  readonly #workloads = new Map<string, Workload | null>();
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
    const key = JSON.stringify([
      subject.pid,
      subject.startTime,
      subject.executable,
      subject.commandLine,
      subject.controlGroups,
    ]);
    let workload = this.#workloads.get(key);
    if (workload === undefined) {
      workload = workloadOf(this.#files, this.#runtimes, subject);
      this.#workloads.set(key, workload);
    }
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
    this.#workloads.clear();
    this.#users = new Map();
    this.#runtimes.forget();
    this.#files.sweep();
  }
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
