/**
 * A program that watches, in a process of its own, so that what it leaves open can be told. Takes the
 * address; says `watching` and waits for a word before it ends the watch in the way that is named.
 */
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { watchTapBindings, type TapBindingWatch } from '../../src/client/index.js';

const [address = '', way = ''] = process.argv.slice(2);
const controller = new AbortController();
const { signal } = controller;

async function told(): Promise<void> {
  const word = once(process, 'message');
  process.send?.('watching');
  await word;
}

const WAYS: Record<string, (watch: TapBindingWatch) => Promise<void>> = {
  abort: async (watch) => {
    await watch.next();
    await told();
    const pending = watch.next();
    controller.abort();
    // No error: it was asked for.
    if ((await pending).done !== true) throw new Error('it goes on');
  },
  return: async (watch) => {
    await watch.next();
    await told();
    const pending = watch.next();
    await watch.return();
    if ((await pending).done !== true) throw new Error('it goes on');
  },
  break: async (watch) => {
    for await (const event of watch) {
      if (event.kind === 'snapshot') break;
    }
    await told();
  },
  'await using': async (given) => {
    {
      await using watch = given;
      await watch.next();
      await told();
    }
    if ((await given.next()).done !== true) throw new Error('it goes on');
  },
  'return before an answer': async (watch) => {
    const pending = watch.next();
    await told();
    await watch.return();
    if ((await pending).done !== true) throw new Error('it goes on');
  },
  'abort between two tries': async (watch) => {
    await watch.next();
    await told();
    while ((await watch.next()).value?.kind !== 'disconnected');
    const pending = watch.next();
    controller.abort();
    if ((await pending).done !== true) throw new Error('it goes on');
  },
  'abort at first': async (watch) => {
    controller.abort();
    await told();
    if ((await watch.next()).done !== true) throw new Error('it goes on');
  },
};

/** What keeps the process, and its sockets: those that do not keep it, too. */
function open(): string {
  const sockets = readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return target.startsWith('socket:') ? [target] : [];
    } catch {
      // The one that the directory itself was read by.
      return [];
    }
  });
  return [...process.getActiveResourcesInfo(), ...sockets].sort().join(' ');
}

process.on('message', () => undefined);
const before = open();
const watch = watchTapBindings({ address, signal, backoff: { first: 3_600_000, most: 3_600_000 } });
await WAYS[way]?.(watch);
// A socket closes in the turns of the event loop that follow.
for (let turn = 0; turn < 100 && open() !== before; turn++) await pause(10);
process.send?.(open() === before ? 'nothing is left' : open());
process.disconnect();
