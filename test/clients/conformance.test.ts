// The clients of clients/, all at once, with one server and one course of events: what each prints is the
// same, byte for byte, and is what the kernel says. See clients/README.md for the format.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { missingTriggers } from '../scenarios/tapmap.js';
import { DEVICE_PREFIX } from '../stage/leaks.js';
import type { Netns } from '../stage/netns.js';
import { setStage, type Stage } from '../stage/stage.js';
import { IFF_NO_PI, IFF_TAP } from '../stage/tun.js';
import { ClientRun, ended } from './client-run.js';
import { assertRuns, LANGUAGES, skipped, skippedAll } from './languages.js';
import { Proxy } from './proxy.js';
import { byName, record } from './record.js';
import { Server } from './server.js';

const skip = missingTriggers() || skippedAll();

/** What the devices that the clients ask for are called. */
const GLOB = `${DEVICE_PREFIX}*-?`;

/** A namespace in which a process lives, always the same: what comes and goes there does not show. */
async function inhabitedNetns(stage: Stage): Promise<Netns> {
  const netns = stage.netns();
  await stage.holder([], { netns });
  return netns;
}

/** The clients that can be run, watching; they are asked to be so far before anything else happens. */
class Audience {
  readonly runs: readonly ClientRun[];
  readonly expected: string[] = [];
  #behind = new Set<ClientRun>();

  constructor(stage: Stage, address: string) {
    const ready = LANGUAGES.filter(({ reason }) => reason === null);
    this.runs = ready.map((language) => {
      const run = new ClientRun(language, 'watch', '--name', GLOB, '--address', address);
      stage.atEnd(() => run.kill());
      return run;
    });
  }

  /** Each has printed `events` by now, after what was expected before. One that has not is waited for no more. */
  async expect(...events: object[]): Promise<void> {
    this.expected.push(...events.map((event) => JSON.stringify(event)));
    await Promise.all(
      this.runs.map(async (run) => {
        if (this.#behind.has(run)) return;
        if (!(await run.hasPrinted(this.expected.length))) this.#behind.add(run);
      }),
    );
  }
}

test('a watch through changes, a cut, a lost probe and a new server', { skip }, async (t) => {
  const stage = setStage(t);
  const [first, second] = [await inhabitedNetns(stage), await inhabitedNetns(stage)];
  const [free, held, late] = ['a', 'b', 'c'].map((mark) => `${stage.deviceName()}-${mark}`);
  assert.ok(free !== undefined && held !== undefined && late !== undefined);
  // Made before there is a server: who makes a device holds it for a moment.
  first.ip('tuntap', 'add', free, 'mode', 'tap');
  const holder = await stage.holder([first.within(() => stage.queue(held))], { netns: first });
  const server = new Server(stage);
  await server.start();
  const proxy = new Proxy(server.socket);
  stage.atEnd(() => proxy.close());
  const address = await proxy.listenUnix(join(server.directory, 'proxy.sock'));

  const audience = new Audience(stage, address);
  await audience.expect({
    event: 'snapshot',
    reason: 'INITIAL',
    dropped: [],
    bindings: [record(first, free), record(first, held, holder.pid)].sort(byName),
  });

  // Attached.
  const agent = await stage.agent([], { netns: first });
  const fd = await agent.open();
  await agent.attach(fd, free, IFF_TAP | IFF_NO_PI);
  await audience.expect({
    event: 'modified',
    fields: ['holders', 'verdict', 'queues.attached', 'queues.found', 'last_changed'],
    binding: record(first, free, agent.pid),
  });

  // Renamed.
  const renamed = `${stage.deviceName()}-d`;
  first.ip('link', 'set', free, 'name', renamed);
  const before = record(first, renamed, agent.pid);
  await audience.expect({
    event: 'modified',
    fields: ['device.name', 'last_changed'],
    binding: before,
  });

  // Moved: both in one batch, which is ordered by name.
  first.move(renamed, second);
  const after = record(second, renamed, agent.pid);
  const went = { event: 'removed', binding: before };
  const came = { event: 'added', moved_from: before.name, binding: after };
  await audience.expect(...(before.name < after.name ? [went, came] : [came, went]));

  // Deleted, from under its holder.
  second.ip('link', 'del', renamed);
  await audience.expect({ event: 'removed', binding: after });

  // What happens while the connections are cut follows when they are back.
  proxy.cut();
  const meanwhile = `${stage.deviceName()}-e`;
  first.ip('link', 'set', held, 'name', meanwhile);
  await server.untilListed('the rename', meanwhile, ({ length }) => length === 1);
  proxy.mend();
  await audience.expect(
    { event: 'resumed' },
    {
      event: 'modified',
      fields: ['device.name', 'last_changed'],
      binding: record(first, meanwhile, holder.pid),
    },
  );

  // A probe that dies is told, and so is its successor; the stream goes on.
  server.killProbe();
  await audience.expect({ event: 'coverage', stale: true }, { event: 'coverage', stale: false });
  first.ip('link', 'set', meanwhile, 'name', held);
  const last = record(first, held, holder.pid);
  await audience.expect({
    event: 'modified',
    fields: ['device.name', 'last_changed'],
    binding: last,
  });

  // A new server knows nothing of the old one's tokens: it says so, and tells all there is.
  await server.stop();
  await holder.kill();
  first.ip('tuntap', 'add', late, 'mode', 'tap');
  await server.start();
  await audience.expect({
    event: 'snapshot',
    reason: 'EPOCH_CHANGED',
    dropped: [last.name],
    bindings: [record(first, late)],
  });

  for (const language of LANGUAGES) {
    await t.test(`in ${language.language}`, { skip: skipped(language) }, () => {
      assertRuns(language);
      const run = audience.runs.find((one) => one.language === language.language);
      assert.deepEqual(run?.lines, audience.expected, run?.complaint);
    });
  }
});

test('a list, over a unix socket and over TCP', { skip }, async (t) => {
  const stage = setStage(t);
  const netns = await inhabitedNetns(stage);
  const [held, free] = [`${stage.deviceName()}-f`, `${stage.deviceName()}-g`];
  const holder = await stage.holder([netns.within(() => stage.queue(held))], { netns });
  netns.ip('tuntap', 'add', free, 'mode', 'tap');
  const server = new Server(stage);
  await server.start();
  const proxy = new Proxy(server.socket);
  stage.atEnd(() => proxy.close());
  const addresses = [`unix://${server.socket}`, await proxy.listenTcp()];
  const records = [record(netns, held, holder.pid), record(netns, free)].sort(byName);

  for (const language of LANGUAGES) {
    await t.test(`in ${language.language}`, { skip: skipped(language) }, async () => {
      assertRuns(language);
      for (const address of addresses) {
        const { exitCode, run } = await ended(
          language,
          'list',
          '--name',
          GLOB,
          '--address',
          address,
        );
        assert.equal(exitCode, 0, run.complaint);
        assert.deepEqual(
          run.lines,
          records.map((one) => JSON.stringify(one)),
        );
      }
    });
  }
});

test('a glob that is none ends list and watch with 2 and the field', { skip }, async (t) => {
  const stage = setStage(t);
  const server = new Server(stage);
  await server.start();
  for (const language of LANGUAGES) {
    await t.test(`in ${language.language}`, { skip: skipped(language) }, async () => {
      assertRuns(language);
      for (const command of ['list', 'watch']) {
        const address = `unix://${server.socket}`;
        const { exitCode, run } = await ended(
          language,
          command,
          '--name',
          '[a',
          '--address',
          address,
        );
        const fault = 'is a glob that has a `[` without a `]`';
        assert.equal(run.complaint, `error: INVALID_ARGUMENT: filter[0].device_name: ${fault}\n`);
        assert.deepEqual([exitCode, run.lines], [2, []]);
      }
    });
  }
});
