// `tapmap serve` at a unix socket that stays the same when the server is started anew.
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import type { TapBinding } from '../../src/gen/tapmap/v1/tap_binding.js';
import {
  ListTapBindingsRequest,
  TapBindingServiceClient,
  type ListTapBindingsResponse,
} from '../../src/gen/tapmap/v1/tap_binding_service.js';
import { TapBindingFilter } from '../../src/gen/tapmap/v1/tap_binding_service.js';
import { MAIN } from '../scenarios/tapmap.js';
import type { Stage } from '../stage/stage.js';
import { until } from '../stage/until.js';

export class Server {
  readonly directory = mkdtempSync(join(tmpdir(), 'tapmap-clients-'));
  readonly socket = join(this.directory, 's.sock');
  #child: ChildProcess | null = null;
  #complaint = '';

  constructor(stage: Stage) {
    // The server may have become another user by the time that it binds.
    chmodSync(this.directory, 0o777);
    stage.atEnd(async () => {
      await this.stop();
      rmSync(this.directory, { recursive: true, force: true });
    });
  }

  async start(): Promise<void> {
    const child = spawn(
      process.execPath,
      [MAIN, 'serve', '--listen', `unix://${this.socket}`, '--log-level', 'warn'],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    this.#child = child;
    let stdout = '';
    child.stdout.on('data', (text: Buffer) => (stdout += text.toString()));
    child.stderr.on('data', (text: Buffer) => (this.#complaint += text.toString()));
    const isServing = (): boolean => {
      assert.equal(child.exitCode, null, `tapmap ended: ${this.#complaint}`);
      return stdout.includes('tapmap list');
    };
    await until('tapmap serves', isServing, 30_000);
  }

  /** Ends it as an administrator would: streams are drained. */
  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null) return;
    const closed = once(child, 'close');
    child.kill('SIGTERM');
    await closed;
    assert.equal(child.exitCode, 0, this.#complaint);
  }

  killProbe(): void {
    const pid = this.#child?.pid;
    assert.ok(pid !== undefined, 'tapmap runs');
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
    const isProbe = (child: string) =>
      readFileSync(`/proc/${child}/cmdline`, 'utf8').startsWith('tapmap probe');
    const probe = children.find(isProbe);
    assert.ok(probe !== undefined, 'there is a probe');
    process.kill(Number(probe), 'SIGKILL');
  }

  /** Resolves when the server's own view of the devices called `deviceName` (a glob) is as `check` says. */
  async untilListed(
    what: string,
    deviceName: string,
    check: (bindings: readonly TapBinding[]) => boolean,
  ): Promise<void> {
    const client = new TapBindingServiceClient(`unix:${this.socket}`, credentials.createInsecure());
    const filter = [TapBindingFilter.create({ deviceName })];
    try {
      await until(`the server tells ${what}`, async () => {
        const bindings: TapBinding[] = [];
        for await (const message of client.listTapBindings(
          ListTapBindingsRequest.create({ filter }),
        )) {
          bindings.push(...(message as ListTapBindingsResponse).bindings);
        }
        return check(bindings);
      });
    } finally {
      client.close();
    }
  }
}
