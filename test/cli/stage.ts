/** A scripted server on a unix socket, and the command run against it. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { Metadata, Server, ServerCredentials, status, type StatusObject } from '@grpc/grpc-js';
import type { ServerWritableStream } from '@grpc/grpc-js';
import { Status } from '../../src/gen/google/rpc/status.js';
import {
  TapBindingServiceService,
  type ListTapBindingsRequest,
  type ListTapBindingsResponse,
  type WatchTapBindingsRequest,
  type WatchTapBindingsResponse,
} from '../../src/gen/tapmap/v1/tap_binding_service.js';
import { run } from '../../src/cli/main.js';
import type { Io } from '../../src/cli/io.js';

type ListCall = ServerWritableStream<ListTapBindingsRequest, ListTapBindingsResponse>;
export type WatchCall = ServerWritableStream<WatchTapBindingsRequest, WatchTapBindingsResponse>;

export interface Script {
  list?: (call: ListCall) => void;
  watch?: (call: WatchCall) => void;
}

export interface Stage extends AsyncDisposable {
  readonly directory: string;
  readonly path: string;
  readonly address: string;
  /** Starts, or starts again, a server there. */
  serve(script: Script): Promise<void>;
  /** Ends the server and its streams. */
  kill(): void;
}

export async function stage(script?: Script): Promise<Stage> {
  const directory = await mkdtemp(join(tmpdir(), 'tapmap-cli-'));
  const path = join(directory, 's');
  let server: Server | null = null;
  const kill = (): void => {
    server?.forceShutdown();
    server = null;
  };
  const made: Stage = {
    directory,
    path,
    address: `unix://${path}`,
    kill,
    serve: async ({ list, watch }) => {
      await rm(path, { force: true });
      const starting = new Server();
      server = starting;
      starting.addService(TapBindingServiceService, {
        listTapBindings: list ?? unexpected,
        watchTapBindings: watch ?? unexpected,
      });
      await new Promise<void>((resolve, reject) => {
        starting.bindAsync(`unix://${path}`, ServerCredentials.createInsecure(), (error) => {
          if (error === null) resolve();
          else reject(error);
        });
      });
    },
    [Symbol.asyncDispose]: async () => {
      kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
  if (script !== undefined) await made.serve(script);
  return made;
}

function unexpected(call: ListCall | WatchCall): void {
  call.emit('error', failure(status.UNIMPLEMENTED, 'not scripted'));
}

/** A status, with google.rpc details if any. */
export function failure(
  code: status,
  details: string,
  any: readonly { type: string; value: Uint8Array }[] = [],
): StatusObject & Error {
  const metadata = new Metadata();
  if (any.length > 0) {
    const encoded = Status.encode({
      code,
      message: details,
      details: any.map(({ type, value }) => ({
        typeUrl: `type.googleapis.com/google.rpc.${type}`,
        value: Buffer.from(value),
      })),
    }).finish();
    metadata.set('grpc-status-details-bin', Buffer.from(encoded));
  }
  return Object.assign(new Error(details), { code, details, metadata });
}

class Capture extends Writable {
  text = '';
  readonly isTTY: boolean;
  readonly columns: number | undefined;
  #changed: (() => void)[] = [];

  constructor(columns: number | undefined) {
    super();
    this.isTTY = columns !== undefined;
    this.columns = columns;
  }

  hasColors(): boolean {
    return this.isTTY;
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    this.text += chunk.toString();
    done();
    for (const wake of this.#changed.splice(0)) wake();
  }

  /** Resolves when the text matches. */
  async matching(pattern: RegExp): Promise<void> {
    const deadline = AbortSignal.timeout(10_000);
    while (!pattern.test(this.text)) {
      await new Promise<void>((resolve, reject) => {
        this.#changed.push(resolve);
        deadline.addEventListener('abort', () => {
          reject(new Error(`${String(pattern)} is not in: ${this.text}`));
        });
      });
    }
  }
}

export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Running {
  readonly stdout: Capture;
  readonly stderr: Capture;
  readonly outcome: Promise<Outcome>;
  interrupt(): void;
}

/** Runs the command in this process; `columns`: on a terminal of that width. */
export function start(
  argv: readonly string[],
  { columns, env = {} }: { columns?: number; env?: Io['env'] } = {},
): Running {
  const stdout = new Capture(columns);
  const stderr = new Capture(columns);
  const controller = new AbortController();
  const io = { stdout, stderr, env, uid: 0, interrupt: controller.signal } as unknown as Io;
  return {
    stdout,
    stderr,
    interrupt: () => {
      controller.abort();
    },
    outcome: run(argv, io).then((code) => ({ code, out: stdout.text, err: stderr.text })),
  };
}

export async function tapmap(
  argv: readonly string[],
  options: { columns?: number; env?: Io['env'] } = {},
): Promise<Outcome> {
  return start(argv, options).outcome;
}

const ENTRY = fileURLToPath(new URL('entry.ts', import.meta.url));

/** Runs it as a real process. `until`: on this output, SIGINT; `uid`: as that user. */
export async function child(
  argv: readonly string[],
  { until, shell, uid }: { until?: RegExp; shell?: string; uid?: number } = {},
): Promise<Outcome & { signal: NodeJS.Signals | null }> {
  const argvOf = [process.execPath, '--import', 'tsx', ENTRY, ...argv];
  const command = shell === undefined ? argvOf : ['bash', '-c', shell, 'tapmap', ...argvOf];
  const started = spawn(command[0]!, command.slice(1), {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TSX_DISABLE_CACHE: '1' },
    ...(uid === undefined ? {} : { uid }),
  });
  let [out, err] = ['', ''];
  started.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
    if (until?.test(out) === true) started.kill('SIGINT');
  });
  started.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const timer = setTimeout(() => started.kill('SIGKILL'), 30_000);
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
    started.on('close', (...ended) => {
      resolve(ended);
    });
  });
  clearTimeout(timer);
  return { code: code ?? -1, signal, out, err };
}

/** Answers a list in two messages, as a server does with many. */
export function answering(
  bindings: ListTapBindingsResponse['bindings'],
  summary: ListTapBindingsResponse['summary'],
  requests: ListTapBindingsRequest[] = [],
): Script {
  return {
    list: (call) => {
      requests.push(call.request);
      call.write({ bindings, summary: undefined });
      call.write({ bindings: [], summary });
      call.end();
    },
  };
}
