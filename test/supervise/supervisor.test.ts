import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, beforeEach, describe, it } from 'node:test';
import { pino } from 'pino';
import type { Command } from '../../src/supervise/child.js';
import { Supervisor } from '../../src/supervise/supervisor.js';
import { TIMING } from '../../src/supervise/timing.js';
import { watchForLeaks } from '../stage/leaks.js';
import { until } from '../stage/until.js';

describe('the supervisor', () => {
  const checkLeaks = watchForLeaks();
  after(checkLeaks);

  let directory = '';
  let end: (() => Promise<number>) | null = null;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'tapmap-supervisor-'));
    end = null;
  });
  afterEach(async () => {
    // One that a failed test left running would start processes for ever.
    await end?.();
    rmSync(directory, { recursive: true });
  });

  /** Runs it; the function that is given back ends it, and gives its exit code. */
  function start(subject: Supervisor): () => Promise<number> {
    const ended = subject.run();
    end = () => {
      subject.end();
      subject.end();
      return ended;
    };
    return end;
  }

  /** A process that notes in `log` that it was started, and then runs `script`. */
  function program(name: string, script: string): Command {
    const note = `require('node:fs').appendFileSync(${JSON.stringify(join(directory, name))}, 'x');`;
    return { file: process.execPath, args: ['-e', `${note}${script}`] };
  }

  function starts(name: string): number {
    const file = join(directory, name);
    return existsSync(file) ? readFileSync(file).length : 0;
  }

  const PROBE = `process.stdin.on('end', () => process.exit()).resume();`;
  const LISTENING = `process.on('disconnect', () => process.exit());
    process.send({ type: 'listening', sockets: [] });`;

  function supervisor(server: Command, probe: Command): Supervisor {
    return new Supervisor({
      server,
      probe,
      socketPaths: [],
      files: {},
      log: pino({ level: 'silent' }),
      timing: { ...TIMING, backoffFirst: 10, backoffLimit: 20, serverStart: 20_000 },
    });
  }

  /** Runs it until `work` is done or has failed. */
  async function during(subject: Supervisor, work: () => Promise<void>): Promise<void> {
    const ended = subject.run();
    try {
      await work();
    } finally {
      subject.end();
      // The second time: at once.
      subject.end();
      assert.equal(await ended, 0);
    }
  }

  it('kills and restarts a server that reports what it must not', async () => {
    const server = program(
      'server',
      `${LISTENING} process.send({ type: 'kill', pid: 1 }); setInterval(() => {}, 1000);`,
    );
    const stop = start(supervisor(server, program('probe', PROBE)));
    await until('three servers were started', () => starts('server') >= 3, 20_000);
    assert.equal(await stop(), 0);
  });

  it('kills only the probe that runs now, whatever the server reports', async () => {
    const probes = join(directory, 'probes');
    const server = program(
      'server',
      `${LISTENING}
      process.send({ type: 'probe_failed', probe: 99, reason: 'no such probe' });
      process.on('message', ({ probe }) => {
        require('node:fs').appendFileSync(${JSON.stringify(probes)}, probe + ' ');
        if (probe < 3) process.send({ type: 'probe_failed', probe, reason: 'test' });
      });`,
    );
    const subject = supervisor(server, program('probe', PROBE));
    await during(subject, async () => {
      const handedOver = (): string => (existsSync(probes) ? readFileSync(probes, 'utf8') : '');
      await until('the third one came', () => handedOver().includes('3'), 20_000);
      // One that was killed wrongly would be followed by another.
      await until('the third one runs', () => starts('probe') > 0, 20_000);
      assert.equal(handedOver(), '1 2 3 ');
      assert.equal(starts('server'), 1);
    });
  });

  it('ends with the code of a server that refuses to start, and with 4 for any other end', async () => {
    for (const [server, code] of [
      ['process.exit(2)', 2],
      ['process.exit(3)', 3],
      ['process.exit(1)', 4],
      ['process.exit(0)', 4],
      [`process.kill(process.pid, 'SIGKILL')`, 4],
    ] as const) {
      assert.equal(
        await supervisor(program('server', server), program('probe', PROBE)).run(),
        code,
      );
    }
    const missing = { file: join(directory, 'no-such-program'), args: [] };
    assert.equal(await supervisor(missing, missing).run(), 4);
  });

  it('ends with 3 when a probe says that it cannot work here, and starts no other one', async () => {
    const server = program('server', `process.on('SIGTERM', () => process.exit()); ${LISTENING}`);
    const probe = program('probe', 'process.exit(3)');
    const before = starts('probe');
    assert.equal(await supervisor(server, probe).run(), 3);
    assert.equal(starts('probe') - before, 1);
  });
});
