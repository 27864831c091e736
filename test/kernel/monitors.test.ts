// What the kernel tells by itself: links, files, processes; and waiting for all of it at once.
import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Epoll } from '../../src/kernel/epoll.js';
import { FileMonitor, parseFileEvents } from '../../src/kernel/fanotify.js';
import { isKernelError } from '../../src/kernel/kernel-error.js';
import { parseLinkEvents, parseNetnsId, type LinkEvent } from '../../src/kernel/link-event.js';
import { LinkMonitor } from '../../src/kernel/link-monitor.js';
import { parseProcessEvent, ProcessConnector } from '../../src/kernel/process-connector.js';
import { missing } from '../stage/ability.js';
import { setStage, type Stage } from '../stage/stage.js';
import { IFF_NO_PI, IFF_TAP } from '../stage/tun.js';
import { until } from '../stage/until.js';

const skip = missing('initial-root', 'tun', 'netns');

/** Collects what a monitor tells until it is enough. */
async function told<T>(read: () => T[], enough: (events: readonly T[]) => boolean): Promise<T[]> {
  const events: T[] = [];
  await until('the kernel tells', () => {
    events.push(...read());
    return enough(events);
  });
  return events;
}

describe('a link monitor', () => {
  function monitor(stage: Stage): LinkMonitor {
    const links = new LinkMonitor();
    stage.atEnd(() => {
      links.close();
    });
    return links;
  }

  it('tells of links that come and go in our own namespace', { skip }, async (t) => {
    const stage = setStage(t);
    const links = monitor(stage);
    const name = stage.unheldDevice();
    const ifindex = stage.home.ifindex(name);
    const ours = (event: LinkEvent) => event.type === 'link' && event.ifindex === ifindex;
    const [made] = (
      await told(
        () => links.read(),
        (events) => events.some(ours),
      )
    ).filter(ours);
    assert.deepEqual(made, { type: 'link', netnsId: null, ifindex, kind: 'tun', deleted: false });
    stage.home.ip('link', 'del', name);
    const isDeletion = (event: LinkEvent) => ours(event) && event.type === 'link' && event.deleted;
    await told(
      () => links.read(),
      (events) => events.some(isDeletion),
    );
  });

  it('tells of links of any other namespace that it listens to, by its id', { skip }, async (t) => {
    const stage = setStage(t);
    const links = monitor(stage);
    const [one, other] = [stage.netns(), stage.netns()];
    const idOf = (path: string) => {
      const fd = openSync(path, 'r');
      try {
        return links.listenTo(fd);
      } finally {
        closeSync(fd);
      }
    };
    const ids = [idOf(one.path), idOf(other.path)];
    assert.notEqual(ids[0], ids[1]);
    assert.equal(idOf(one.path), ids[0], 'once it has one it keeps it');
    stage.unheldDevice(one);
    stage.unheldDevice(other);
    const fromBoth = (events: readonly LinkEvent[]) =>
      ids.every((id) =>
        events.some(
          (event) => event.type === 'link' && event.netnsId === id && event.kind === 'tun',
        ),
      );
    await told(() => links.read(), fromBoth);
  });

  it('keeps no namespace alive, and tells when one has gone', { skip }, async (t) => {
    const stage = setStage(t);
    const links = monitor(stage);
    const netns = stage.netns();
    const fd = openSync(netns.path, 'r');
    const id = links.listenTo(fd);
    closeSync(fd);
    stage.home.ip('netns', 'delete', netns.path.replace('/run/netns/', ''));
    await told(
      () => links.read(),
      (events) => events.some((event) => event.type === 'netns-gone' && event.netnsId === id),
    );
  });

  it('says nothing of a queue that attaches to a device that is down', { skip }, async (t) => {
    const stage = setStage(t);
    const links = monitor(stage);
    const [quiet, marker] = [stage.unheldDevice(), stage.deviceName()];
    const ifindex = stage.home.ifindex(quiet);
    links.read();
    stage.queue(quiet, IFF_TAP | IFF_NO_PI);
    stage.home.ip('tuntap', 'add', marker, 'mode', 'tap');
    const last = stage.home.ifindex(marker);
    const events = await told(
      () => links.read(),
      (all) => all.some((event) => event.type === 'link' && event.ifindex === last),
    );
    assert.ok(!events.some((event) => event.type === 'link' && event.ifindex === ifindex));
  });
});

describe('a file monitor', () => {
  it('tells which process opens and closes a file, by whatever path', { skip }, async (t) => {
    const stage = setStage(t);
    const files = new FileMonitor();
    stage.atEnd(() => {
      files.close();
    });
    files.watch('/dev/net/tun');
    files.watch('/proc/self/root/dev/net/tun');
    const agent = await stage.agent();
    const fd = await agent.open();
    const opened = await told(
      () => files.read(),
      (events) => events.some((event) => event.pid === agent.pid && event.opened),
    );
    assert.equal(opened.filter(({ pid, opened: o }) => pid === agent.pid && o).length, 1);
    await agent.close(fd);
    await told(
      () => files.read(),
      (events) => events.some((event) => event.pid === agent.pid && event.closed),
    );
  });

  it('says so when it has lost something', { skip }, async (t) => {
    const stage = setStage(t);
    const directory = mkdtempSync(join(tmpdir(), 'tapmap-fanotify-'));
    const files = new FileMonitor();
    stage.atEnd(() => {
      files.close();
      rmSync(directory, { recursive: true });
    });
    // The queue takes 16,384 events of different files, as the same ones are merged.
    const path = join(directory, 'file');
    closeSync(openSync(path, 'w'));
    assert.deepEqual(parseFileEvents(overflowEvent()), ['overflow']);
    files.watch(path);
    closeSync(openSync(path, 'r'));
    const events = await told(
      () => files.read(),
      (all) => all.some(({ pid }) => pid === process.pid),
    );
    assert.ok(events.length >= 1);
  });

  it('may be cut off anywhere', () => {
    const whole = overflowEvent();
    for (let length = 0; length < whole.length; length++) {
      assert.deepEqual(parseFileEvents(whole.subarray(0, length)), []);
    }
  });
});

/** struct fanotify_event_metadata of FAN_Q_OVERFLOW. */
function overflowEvent(): Buffer {
  const event = Buffer.alloc(24);
  event.writeUInt32LE(24, 0);
  event.writeUInt32LE(0x4000, 8);
  event.writeInt32LE(-1, 16);
  return event;
}

describe('the process connector', () => {
  it('tells of a fork, an exec and an exit', { skip }, async (t) => {
    const stage = setStage(t);
    const processes = new ProcessConnector(['fork', 'exec', 'exit']);
    stage.atEnd(() => {
      processes.close();
    });
    const agent = await stage.agent();
    const child = await agent.spawn([]);
    await agent.kill();
    const events = await told(
      () => processes.read(1000),
      (all) =>
        all.some(({ type, pid }) => type === 'exit' && pid === agent.pid) &&
        all.some(({ type, pid }) => type === 'exec' && pid === child),
    );
    assert.ok(
      events.some((event) => event.type === 'fork' && event.child === child),
      'the child was forked',
    );
    assert.ok(events.some(({ type, pid }) => type === 'exec' && pid === agent.pid));
  });

  it('reads no more than it is told to', { skip }, async (t) => {
    const stage = setStage(t);
    const processes = new ProcessConnector(['fork', 'exec', 'exit']);
    stage.atEnd(() => {
      processes.close();
    });
    const agent = await stage.agent();
    await agent.kill();
    assert.ok(processes.read(1).length <= 1);
  });

  it('may be cut off anywhere', () => {
    for (let length = 0; length < 68; length++) {
      assert.equal(parseProcessEvent(Buffer.alloc(length, 1)), null);
    }
  });
});

describe('an epoll', () => {
  it(
    'tells which of its descriptors can be read, and ends when it is told to',
    { skip },
    async (t) => {
      const stage = setStage(t);
      const links = new LinkMonitor();
      const processes = new ProcessConnector(['fork', 'exec', 'exit']);
      const epoll = new Epoll();
      stage.atEnd(() => {
        links.close();
        processes.close();
      });
      epoll.add(links.fd);
      epoll.add(processes.fd);
      epoll.remove(processes.fd);
      const ready = epoll.wait();
      stage.unheldDevice();
      assert.deepEqual(await ready, [links.fd]);
      links.read();
      const next = epoll.wait();
      epoll.end();
      // Anything else on this machine may have changed a link meanwhile.
      const last = await next;
      assert.equal(last === null ? await Promise.resolve(null) : await epoll.wait(), null);
    },
  );
});

it('answers about ids are parsed, and errors are errors', () => {
  const answer = Buffer.alloc(28);
  answer.writeUInt32LE(28, 0);
  answer.writeUInt16LE(88, 4);
  answer.writeUInt16LE(8, 20);
  answer.writeUInt16LE(1, 22);
  answer.writeInt32LE(7, 24);
  assert.equal(parseNetnsId(answer), 7);
  answer.writeInt32LE(-1, 24);
  assert.equal(parseNetnsId(answer), null);
  const refusal = Buffer.alloc(20);
  refusal.writeUInt32LE(20, 0);
  refusal.writeUInt16LE(2, 4);
  refusal.writeInt32LE(-1, 16);
  assert.throws(
    () => parseNetnsId(refusal),
    (error) => isKernelError(error, 'EPERM'),
  );
  for (let length = 0; length < answer.length; length++) {
    assert.equal(parseNetnsId(answer.subarray(0, length)), null);
    assert.deepEqual(parseLinkEvents(answer.subarray(0, length), null), []);
  }
});
