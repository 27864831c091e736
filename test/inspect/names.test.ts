// The kernel takes nearly any bytes for the name of a device. None of them may lead to a wrong holder.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KernelError } from '../../src/kernel/kernel-error.js';
import { linux, type Linux } from '../../src/inspect/linux.js';
import { missing } from '../stage/ability.js';
import { setStage } from '../stage/stage.js';
import { IFF_NO_PI, IFF_TAP, openQueue, setPersist } from '../stage/tun.js';
import { holderPids, inspectorOn, scanned } from './inspecting.js';

const skip = missing('root', 'tun', 'netns');

/** As bytes of UTF-8, one character each: what the stage makes devices of. */
const bytesOf = (name: string) => Buffer.from(name).toString('latin1');

test(
  'devices whose names differ only in bytes that are no UTF-8 are told apart',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const netns = stage.netns();
    const [held, unheld] = netns.within(() => [
      stage.own(openQueue('tap\xfe', IFF_TAP | IFF_NO_PI)),
      stage.own(openQueue('tap\xff', IFF_TAP | IFF_NO_PI)),
    ]);
    for (const queue of [held, unheld]) setPersist(queue.fd, true);
    const holder = await stage.holder([held]);
    unheld.close();
    const { bindings } = await scanned(inspectorOn());
    const here = bindings.filter(({ device }) => device.netns.inode === netns.inode);
    assert.deepEqual(
      here.map((binding) => [binding.device.name, binding.verdict, holderPids(binding)]).sort(),
      [
        ['tap\ufffd', 'HELD', [holder.pid]],
        ['tap\ufffd', 'UNHELD', []],
      ],
    );
  },
);

test('a name in UTF-8 is told as it is, that of a bridge too', { skip }, async (t) => {
  const stage = setStage(t);
  const netns = stage.netns();
  const queue = netns.within(() => stage.queue(bytesOf('täp·1')));
  netns.ip('link', 'add', 'brücke', 'type', 'bridge');
  netns.ip('link', 'set', 'täp·1', 'master', 'brücke');
  const holder = await stage.holder([queue]);
  const { bindings } = await scanned(inspectorOn());
  const [binding] = bindings.filter(({ device }) => device.netns.inode === netns.inode);
  assert.equal(binding?.device.name, 'täp·1');
  assert.equal(binding.device.master?.name, 'brücke');
  assert.equal(binding.verdict, 'HELD');
  assert.deepEqual(holderPids(binding), [holder.pid]);
});

test(
  'where only the name is known, a line separator in it does not make another name',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const netns = stage.netns();
    const [short, long] = netns.within(() => [
      stage.queue('tap'),
      stage.queue(bytesOf('tap\u2028x')),
    ]);
    setPersist(short.fd, true);
    short.close();
    const holder = await stage.holder([long]);
    const refusing: Linux = {
      ...linux,
      pidfdGetfd: () => {
        throw new KernelError('pidfd_getfd', 'EPERM');
      },
    };
    const { bindings } = await scanned(inspectorOn(refusing));
    const here = bindings.filter(({ device }) => device.netns.inode === netns.inode);
    assert.deepEqual(here.map((binding) => [binding.device.name, holderPids(binding)]).sort(), [
      ['tap', []],
      ['tap\u2028x', [holder.pid]],
    ]);
  },
);
