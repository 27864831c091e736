// Network namespaces made with iproute2 and util-linux, as people make them.
import { closeSync, openSync, statSync } from 'node:fs';
import { run } from './command.js';
import { netnsCookie, setnsNet, socket } from './libc.js';

/** The netns that this process lives in. */
export const OWN_NETNS = '/proc/self/ns/net';

/** A network namespace, as long as `path` leads to it. */
export class Netns {
  /** A bind mount such as `/run/netns/NAME`, or the `/proc/PID/ns/net` of a process in it. */
  readonly path: string;
  /** The nsfs inode number, which is what `readlink /proc/PID/ns/net` shows. */
  readonly inode: number;

  constructor(path: string) {
    this.path = path;
    this.inode = netnsInode(path);
  }

  /** Runs a command inside. `nsenter` and not `ip netns exec`: that one wants to remount /sys. */
  run(command: string, ...args: string[]): string {
    return run('nsenter', `--net=${this.path}`, command, ...args);
  }

  /** Runs `ip ARGS` inside. */
  ip(...args: string[]): string {
    return this.run('ip', ...args);
  }

  /**
   * Runs a function with this thread inside. Synchronous on purpose: no other JavaScript can run
   * before the thread is back. A file opened in it belongs to this namespace.
   */
  within<T>(action: () => T): T {
    const home = openSync(OWN_NETNS, 'r');
    try {
      const inside = openSync(this.path, 'r');
      try {
        setnsNet(inside);
      } finally {
        closeSync(inside);
      }
      try {
        return action();
      } finally {
        try {
          setnsNet(home);
        } catch {
          // A test process in a strange namespace would make everything after it a lie.
          process.abort();
        }
      }
    } finally {
      closeSync(home);
    }
  }

  /** Moves a device that is in this namespace to another, where it has the name `name` at once. */
  move(device: string, to: Netns, name = device): void {
    // `ip link set DEV netns` takes a name of /run/netns or a pid; both are in the path.
    const target = /^\/proc\/(\d+)\//.exec(to.path)?.[1] ?? to.path.replace(/^.*\//, '');
    this.ip('link', 'set', device, 'netns', target, 'name', name);
  }

  /** Never another namespace's, see SO_NETNS_COOKIE of socket(7). */
  cookie(): bigint {
    const fd = this.within(socket);
    try {
      return netnsCookie(fd);
    } finally {
      closeSync(fd);
    }
  }

  ifindex(device: string): number {
    const [link] = JSON.parse(this.ip('-j', 'link', 'show', 'dev', device)) as [
      { ifindex: number },
    ];
    return link.ifindex;
  }
}

export function netnsInode(path: string): number {
  return statSync(path).ino;
}

/** Makes `/run/netns/NAME`. */
export function addNetns(name: string): Netns {
  run('ip', 'netns', 'add', name);
  return new Netns(`/run/netns/${name}`);
}

export function removeNetns(name: string): void {
  run('ip', 'netns', 'delete', name);
}
