// A running tapmap, three processes and all, as it is built, and what it uses of the machine.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { credentials } from '@grpc/grpc-js';
import { TapBindingServiceClient } from '../src/gen/tapmap/v1/tap_binding_service.js';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
/** USER_HZ, which is 100 on all architectures of interest. */
const TICKS_PER_SECOND = 100;

export class Service {
  private constructor(
    private readonly child: ChildProcess,
    private readonly directory: string,
    /** For grpc-js: `unix:PATH`. */
    readonly target: string,
  ) {}

  /** Resolves when it serves. */
  static async start(flags: readonly string[] = []): Promise<Service> {
    const directory = mkdtempSync(join(tmpdir(), 'tapmap-bench-'));
    const socket = join(directory, 'tapmap.sock');
    const listen = ['--listen', `unix://${socket}`, '--log-level', 'warn'];
    const child = spawn(process.execPath, [MAIN, 'serve', ...listen, ...flags], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    const serves = new Promise<void>((resolve, reject) => {
      child.stdout.on('data', (text: Buffer) => {
        said += text.toString();
        if (said.includes('tapmap list')) resolve();
      });
      child.on('close', () => {
        reject(new Error('tapmap serve ended'));
      });
    });
    try {
      await serves;
    } catch (error) {
      rmSync(directory, { recursive: true, force: true });
      throw error;
    }
    return new Service(child, directory, `unix:${socket}`);
  }

  client(): TapBindingServiceClient {
    return new TapBindingServiceClient(this.target, credentials.createInsecure());
  }

  /** Pid of its process of that kind. */
  pid(kind: 'server' | 'probe'): number {
    const { pid } = this.child;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
    const found = children.find((child) =>
      readFileSync(`/proc/${child}/cmdline`, 'utf8').startsWith(`tapmap ${kind}`),
    );
    if (found === undefined) throw new Error(`there is no tapmap ${kind}`);
    return Number(found);
  }

  async end(): Promise<void> {
    if (this.child.exitCode === null) {
      this.child.kill('SIGTERM');
      await once(this.child, 'close');
    }
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Seconds of processor time that a process has used, its threads included. */
export function processorTime(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // Fields 14 and 15 of proc_pid_stat(5); the name in field 2 may have spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Resident memory of a process, MiB. */
export function residentMemory(pid: number): number {
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!;
  return Number(kibibytes) / 1024;
}
