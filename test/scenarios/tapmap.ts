// A running tapmap, three processes and all, asked as its clients ask it.
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { credentials, type ClientReadableStream } from '@grpc/grpc-js';
import type { Coverage } from '../../src/gen/tapmap/v1/coverage.js';
import type { TapBinding } from '../../src/gen/tapmap/v1/tap_binding.js';
import {
  ListTapBindingsRequest,
  TapBindingServiceClient,
  View,
  WatchTapBindingsRequest,
  type ListTapBindingsResponse,
  type WatchTapBindingsResponse,
} from '../../src/gen/tapmap/v1/tap_binding_service.js';
import { missing } from '../stage/ability.js';
import type { Netns } from '../stage/netns.js';
import { until } from '../stage/until.js';
import { Replay } from './replay.js';

export const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** What List says at one revision. */
export interface Listed {
  readonly bindings: readonly TapBinding[];
  readonly coverage: Coverage;
  readonly revision: bigint;
}

export interface TapmapOptions {
  /** Command line that starts the server's, such as `setpriv …`; for less rights. */
  readonly under?: readonly string[];
  /** Additional flags of `tapmap serve`. */
  readonly flags?: readonly string[];
}

/** With which finder: `proc` or `bpf`; without it the one that tapmap chooses. `.ci/run` takes both. */
const { TAPMAP_TEST_FINDER: FINDER } = process.env;
/** Names of triggers with commas between them, or `all`: those that it has to do without. */
const { TAPMAP_TEST_WITHOUT_TRIGGERS: WITHOUT_TRIGGERS } = process.env;
const TRIGGERS = 'rtnetlink,fanotify,process-connector,pidfd';

/** Why it cannot be asked that a change is told at once. */
export function missingTriggers(): string | false {
  if (WITHOUT_TRIGGERS === undefined) return missing('initial-root', 'tun', 'netns');
  return `without ${WITHOUT_TRIGGERS}, by TAPMAP_TEST_WITHOUT_TRIGGERS`;
}

function withoutTriggers(): string[] {
  const names = WITHOUT_TRIGGERS === 'all' ? TRIGGERS : WITHOUT_TRIGGERS;
  return (names ?? '')
    .split(',')
    .flatMap((name) => (name === '' ? [] : ['--without-trigger', name]));
}

interface Running {
  readonly child: ChildProcess;
  readonly directory: string;
  readonly client: TapBindingServiceClient;
  readonly watch: ClientReadableStream<WatchTapBindingsResponse>;
}

export class Tapmap {
  readonly replay = new Replay();
  readonly #options: TapmapOptions;
  #running: Running | null = null;
  #stderr = '';

  private constructor(options: TapmapOptions) {
    this.#options = options;
  }

  static async start(options: TapmapOptions = {}): Promise<Tapmap> {
    const tapmap = new Tapmap(options);
    await tapmap.#start();
    return tapmap;
  }

  /** One that runs while the tests of the file do, if they run at all: `skip` is why they do not. */
  static ofFile(skip: string | false, options: TapmapOptions = {}): Tapmap {
    const tapmap = new Tapmap(options);
    before(async () => {
      if (skip === false) await tapmap.#start();
    });
    after(async () => {
      if (skip === false) await tapmap.stop();
    });
    return tapmap;
  }

  async #start(): Promise<void> {
    const { under = [], flags = [] } = this.#options;
    const directory = mkdtempSync(join(tmpdir(), 'tapmap-scenario-'));
    // The server may have become another user by the time that it binds.
    await chmod(directory, 0o777);
    const socket = join(directory, 's.sock');
    const [command, ...args] = [...under, process.execPath, MAIN, 'serve'];
    const child = spawn(
      command,
      [
        ...args,
        ...(FINDER === undefined ? [] : ['--finder', FINDER]),
        ...withoutTriggers(),
        ...['--listen', `unix://${socket}`, '--log-level', 'warn'],
        ...flags,
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let stdout = '';
    child.stdout.on('data', (text: Buffer) => {
      stdout += text.toString();
    });
    child.stderr.on('data', (text: Buffer) => {
      this.#stderr += text.toString();
    });
    try {
      await until(
        'tapmap serves',
        () => {
          if (child.exitCode !== null) throw new Error(`tapmap ended: ${this.#stderr}`);
          return stdout.includes('tapmap list');
        },
        30_000,
      );
    } catch (error) {
      child.kill('SIGKILL');
      rmSync(directory, { recursive: true, force: true });
      throw error;
    }
    const client = new TapBindingServiceClient(`unix:${socket}`, credentials.createInsecure());
    const watch = client.watchTapBindings(
      WatchTapBindingsRequest.create({
        view: View.VIEW_BASIC,
        // A revision of counters alone is told by nothing else.
        progressInterval: { seconds: 0n, nanos: 200_000_000 },
      }),
    );
    // Cancelled at the end.
    watch.on('error', () => undefined);
    watch.on('data', (response: WatchTapBindingsResponse) => {
      this.replay.apply(response);
    });
    this.#running = { child, directory, client, watch };
    // Connected, so that a test that looks for leaks finds the connection there before it begins.
    try {
      await until('the watch is in sync', () => this.replay.revision > 0n, 30_000);
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  get #run(): Running {
    if (this.#running === null) throw new Error('tapmap was not started');
    return this.#running;
  }

  /** Scans now. */
  async list(request: Partial<ListTapBindingsRequest> = {}): Promise<Listed> {
    const call = this.#run.client.listTapBindings(
      ListTapBindingsRequest.create({ fresh: true, view: View.VIEW_BASIC, ...request }),
    );
    const bindings: TapBinding[] = [];
    for await (const message of call) {
      const { bindings: part, summary } = message as ListTapBindingsResponse;
      bindings.push(...part);
      if (summary?.coverage !== undefined) {
        const { coverage, revision } = summary;
        return { bindings, coverage, revision };
      }
    }
    throw new Error('the list had no summary');
  }

  /**
   * What List says, once what was replayed from Watch says exactly the same at that revision. Other
   * things on the machine may move on meanwhile: then both are asked again.
   */
  async agreed(): Promise<Listed> {
    for (let attempt = 1; ; attempt++) {
      const listed = await this.list();
      await until('the watch has caught up', () => this.replay.revision >= listed.revision);
      const replayed = this.replay.at(listed.revision);
      if (replayed === null && attempt < 20) continue;
      assert.ok(replayed !== null, 'the watch never rested at the revision of a list');
      assert.deepEqual(replayed, listed.bindings);
      return listed;
    }
  }

  /** The binding of a device, as List and Watch agree on it. */
  async binding(device: string, netns: Netns): Promise<TapBinding> {
    const { bindings } = await this.agreed();
    return bindingIn(bindings, device, netns);
  }

  /** Resolves when there is no such device any more. */
  async gone(device: string, netns: Netns): Promise<void> {
    await until(`${device} is gone`, async () => {
      const { bindings } = await this.agreed();
      return bindingsOf(bindings, device, netns).length === 0;
    });
  }

  /** To stop it for a moment: for longer, and it is taken for dead. */
  signalProbe(signal: NodeJS.Signals): void {
    const { pid } = this.#run.child;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
    const probe = children.find((child) =>
      readFileSync(`/proc/${child}/cmdline`, 'utf8').startsWith('tapmap probe'),
    );
    assert.ok(probe !== undefined, 'there is a probe');
    process.kill(Number(probe), signal);
  }

  async stop(): Promise<void> {
    const { child, directory, client, watch } = this.#run;
    watch.cancel();
    client.close();
    if (child.exitCode === null) {
      child.kill('SIGTERM');
      await once(child, 'close');
    }
    rmSync(directory, { recursive: true, force: true });
    assert.equal(child.exitCode, 0, this.#stderr);
  }
}

/** The one binding of that device; fails when there is none, or more than one. */
function bindingIn(bindings: readonly TapBinding[], device: string, netns: Netns): TapBinding {
  const found = bindingsOf(bindings, device, netns);
  assert.equal(found.length, 1, `bindings of ${device} in ${netns.path}`);
  return found[0]!;
}

function bindingsOf(bindings: readonly TapBinding[], name: string, netns: Netns): TapBinding[] {
  return bindings.filter(
    ({ device }) => device?.name === name && device.netns?.inode === BigInt(netns.inode),
  );
}
