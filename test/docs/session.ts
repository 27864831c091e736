/** Shells of one person on a host of their own: mount and network namespaces, an empty /run. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { until } from '../stage/until.js';

/** In milliseconds; the first command may wait for a package manager that looks around. */
const PATIENCE = 60_000;
/** What ends the output of a command, with its exit code. */
const MARK = /--- exit (\d+) ---\n$/;

export interface Ran {
  readonly output: string;
  readonly exit: number;
}

export class Session {
  readonly #shell: ChildProcess;
  readonly #others: ChildProcess[] = [];
  readonly #cwd: string;
  #output = '';

  private constructor(shell: ChildProcess, cwd: string) {
    this.#shell = shell;
    this.#cwd = cwd;
    for (const stream of [shell.stdout, shell.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => (this.#output += text));
    }
  }

  static async start(cwd: string): Promise<Session> {
    // The server is where clients look by themselves.
    const env = { ...process.env, TAPMAP_ADDRESS: undefined };
    // sysfs shows the devices of the namespace that it was mounted in.
    const mounts = 'mount -t tmpfs tmpfs /run && mount -t sysfs sysfs /sys';
    const setUp = `${mounts} && ip link set lo up && exec bash -m -s`;
    const shell = spawn('unshare', ['--mount', '--net', 'bash', '-c', setUp], {
      cwd,
      env,
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    const session = new Session(shell, cwd);
    // Not before: what is started beside it enters its namespaces.
    await session.paste('true');
    return session;
  }

  /** Gives commands to the shell and waits until they are through; what runs in its background goes on. */
  async paste(commands: string): Promise<Ran> {
    this.#output = '';
    this.#shell.stdin!.write(`${commands}\nprintf -- '--- exit %d ---\\n' $?\n`);
    const exit = await until(`an end of ${commands}`, () => MARK.exec(this.#output)?.[1], PATIENCE);
    return { output: this.#output.replace(MARK, ''), exit: Number(exit) };
  }

  /** Runs commands in a further shell, until the output matches; they go on. */
  async beside(
    commands: string,
    awaited: RegExp,
  ): Promise<{ output: string; child: ChildProcess }> {
    const inside = ['--target', String(this.#shell.pid), '--mount', '--net'];
    const child = spawn('nsenter', [...inside, `--wd=${this.#cwd}`, 'bash', '-c', commands], {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.#others.push(child);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    }
    await until(
      `${String(awaited)} from ${commands}`,
      () => {
        if (awaited.test(output)) return true;
        if (child.exitCode !== null) throw new Error(`${commands} ended: ${output}`);
        return false;
      },
      PATIENCE,
    );
    return { output, child };
  }

  /** What Ctrl-C does to it. */
  async interrupt(child: ChildProcess): Promise<void> {
    await endGroup(child, 'SIGINT');
  }

  async end(): Promise<void> {
    for (const child of this.#others) await endGroup(child, 'SIGKILL');
    await endGroup(this.#shell, 'SIGKILL');
  }
}

/** A process and all that it started. */
async function endGroup(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const closed = child.exitCode === null && child.signalCode === null ? once(child, 'close') : null;
  try {
    process.kill(-child.pid!, signal);
  } catch {
    // Nothing of it is left.
  }
  await closed;
}
