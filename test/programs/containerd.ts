// A containerd of the test's own: its state and socket are in the private /run, the rest in a directory
// of the test's.
import { writeFileSync } from 'node:fs';
import { run } from '../stage/command.js';
import type { Netns } from '../stage/netns.js';
import type { Stage } from '../stage/stage.js';
import { until } from '../stage/until.js';
import { removeCgroup } from './cgroups.js';
import type { PrivateRun } from './private-run.js';
import { startProgram } from './program.js';

// Snapshots by copying: what needs no file system of its own. Without Kubernetes' interface, which
// wants a network configuration.
const CONFIGURATION = `
version = 2
disabled_plugins = [
  "io.containerd.grpc.v1.cri",
  "io.containerd.internal.v1.opt",
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.overlayfs",
  "io.containerd.snapshotter.v1.zfs",
]
`;
const SNAPSHOTTER = ['--snapshotter', 'native'];

export interface ContainerOptions {
  readonly image: string;
  readonly netns?: Netns;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface Container {
  readonly id: string;
  /** Of the process in it, as seen from outside. */
  readonly pid: number;
  /** Kills what is in it; resolves when containerd has removed it. */
  readonly end: () => Promise<void>;
}

export class Containerd {
  /** The namespace, in containerd's sense, of all that the test makes; its cgroup is of that name. */
  readonly namespace = `tapmap-test-${process.pid}`;
  readonly #stage: Stage;
  readonly #own: PrivateRun;

  private constructor(stage: Stage, own: PrivateRun) {
    this.#stage = stage;
    this.#own = own;
  }

  /** Starts it; its root, which the caller removes, is in `directory`. */
  static async start(stage: Stage, own: PrivateRun, directory: string): Promise<Containerd> {
    const configuration = `${directory}/config.toml`;
    writeFileSync(configuration, CONFIGURATION);
    const containerd = new Containerd(stage, own);
    stage.atEnd(() => {
      removeCgroup(containerd.namespace);
    });
    const places = ['--root', `${directory}/root`, '--state', '/run/containerd'];
    const daemon = await startProgram(
      stage,
      ['containerd', '--config', configuration, ...places, '--log-level', 'warn'],
      { under: own.under },
    );
    await until('containerd answers', () => {
      if (daemon.hasEnded) throw new Error(`containerd has ended: ${daemon.output}`);
      try {
        return containerd.ctr('version');
      } catch {
        return false;
      }
    });
    return containerd;
  }

  ctr(...args: string[]): string {
    return run(...this.#own.under, 'ctr', '--namespace', this.namespace, ...args);
  }

  importImage(archive: string): void {
    this.ctr('images', 'import', ...SNAPSHOTTER, archive);
  }

  /** Starts a container that is attached to `device`, in a network namespace of its own or in a given one. */
  async run(
    id: string,
    device: string,
    { image, netns, labels = {}, annotations = {} }: ContainerOptions,
  ): Promise<Container> {
    // As this process sees it: in the private /run it is not.
    const network = netns && `network:/proc/${process.pid}/root${netns.path}`;
    const program = await startProgram(
      this.#stage,
      [
        ...(['ctr', '--namespace', this.namespace, 'run', '--rm', ...SNAPSHOTTER] as const),
        ...['--device', '/dev/net/tun', '--cap-add', 'CAP_NET_ADMIN'],
        ...(network === undefined ? [] : ['--with-ns', network]),
        // Found as a leak if it stays.
        ...['--env', `TAPMAP_STAGE=${process.env['TAPMAP_STAGE'] ?? ''}`],
        ...flags('--label', labels),
        ...flags('--annotation', annotations),
        ...[image, id, '/attach', device],
      ],
      { under: this.#own.under },
    );
    const end = async (): Promise<void> => {
      if (!program.hasEnded) this.ctr('task', 'kill', '--signal', 'SIGKILL', id);
      await program.exited();
    };
    this.#stage.atEnd(end);
    await program.says(/^attached$/m);
    return { id, pid: this.#pidOf(id), end };
  }

  #pidOf(id: string): number {
    // ID, PID and STATUS.
    const columns = this.ctr('task', 'list')
      .split('\n')
      .map((line) => line.trim().split(/\s+/));
    return Number(columns.find(([name]) => name === id)?.[1]);
  }
}

function flags(name: string, values: Readonly<Record<string, string>>): string[] {
  return Object.entries(values).flatMap(([key, value]) => [name, `${key}=${value}`]);
}
