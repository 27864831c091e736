// Containers of runc, without an engine above it, whose state is in a private /run.
import { writeFileSync } from 'node:fs';
import { run } from '../stage/command.js';
import { Netns } from '../stage/netns.js';
import type { Stage } from '../stage/stage.js';
import type { PrivateRun } from './private-run.js';
import { startProgram, type Program } from './program.js';

export interface RuncOptions {
  /** What runs in it. */
  readonly args: readonly string[];
  /** What that says when it is attached. */
  readonly ready: RegExp;
  /** The network namespace that it joins; otherwise it gets its own. */
  readonly netns?: Netns;
  /** Directories of the host that it sees, at the same paths. */
  readonly sees?: readonly string[];
}

export interface RuncContainer {
  readonly id: string;
  /** Of the process in it, as seen from outside. */
  readonly pid: number;
  readonly netns: Netns;
  /** Kills what is in it; resolves when runc has removed it. */
  readonly end: () => Promise<void>;
}

let counter = 0;

export class Runc {
  readonly #own: PrivateRun;
  readonly #bundle: string;

  /** `bundle` has the root filesystem of all containers in `rootfs`. */
  constructor(own: PrivateRun, bundle: string) {
    this.#own = own;
    this.#bundle = bundle;
  }

  async run(stage: Stage, options: RuncOptions): Promise<RuncContainer> {
    const id = `tapmap-test-${process.pid}-${counter++}`;
    writeFileSync(`${this.#bundle}/config.json`, JSON.stringify(specOf(id, options)));
    const program: Program = await startProgram(
      stage,
      ['runc', 'run', '--bundle', this.#bundle, id],
      { under: this.#own.under },
    );
    stage.atEnd(() => {
      this.#runc('delete', '--force', id);
    });
    await program.says(options.ready);
    const { pid } = JSON.parse(this.#runc('state', id)) as { pid: number };
    return {
      id,
      pid,
      netns: new Netns(`/proc/${pid}/ns/net`),
      end: async () => {
        this.#runc('kill', id, 'KILL');
        await program.exited();
      },
    };
  }

  #runc(...args: string[]): string {
    return run(...this.#own.under, 'runc', ...args);
  }
}

/** See config.md and config-linux.md of the OCI runtime specification. */
function specOf(id: string, { args, netns, sees = [] }: RuncOptions): object {
  const capabilities = ['CAP_NET_ADMIN'];
  const tun = { path: '/dev/net/tun', type: 'c', major: 10, minor: 200 };
  return {
    ociVersion: '1.0.2',
    process: {
      user: { uid: 0, gid: 0 },
      args,
      // Found as a leak if it stays.
      env: ['PATH=/usr/bin:/bin', `TAPMAP_STAGE=${process.env['TAPMAP_STAGE'] ?? ''}`],
      cwd: '/',
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      noNewPrivileges: true,
    },
    root: { path: 'rootfs', readonly: true },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755'] },
      ...sees.map((path) => ({
        destination: path,
        type: 'bind',
        source: path,
        options: ['bind', 'ro'],
      })),
    ],
    linux: {
      cgroupsPath: `/${id}`,
      devices: [{ ...tun, fileMode: 0o600, uid: 0, gid: 0 }],
      resources: {
        devices: [
          { allow: false, access: 'rwm' },
          { allow: true, type: tun.type, major: tun.major, minor: tun.minor, access: 'rw' },
        ],
      },
      namespaces: [
        ...['pid', 'ipc', 'uts', 'mount'].map((type) => ({ type })),
        // As this process sees it: in the private /run it is not.
        { type: 'network', ...(netns && { path: `/proc/${process.pid}/root${netns.path}` }) },
      ],
    },
  };
}
