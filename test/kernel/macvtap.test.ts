// What an open file of a macvtap tells of itself, which is less than that of a tun: drivers/net/tap.c.
import assert from 'node:assert/strict';
import { existsSync, openSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { statusOf } from '../../src/kernel/descriptor.js';
import { isKernelError } from '../../src/kernel/kernel-error.js';
import { nsfsDevice } from '../../src/kernel/netns.js';
import { readCharacterMajors } from '../../src/kernel/proc-devices.js';
import { walkFdTable } from '../../src/kernel/proc-fd.js';
import { readFdinfoInterface } from '../../src/kernel/proc-pid-fdinfo.js';
import {
  TUN_MAJOR,
  TUN_MINOR,
  tunDeviceNetns,
  tunHardwareAddress,
  tunInterface,
  tunOpenedNetns,
} from '../../src/kernel/tun.js';
import { missing } from '../stage/ability.js';
import { setStage } from '../stage/stage.js';
import { until } from '../stage/until.js';

/** The driver may be a module, which the test does not load, and devtmpfs makes the node. */
function skipMacvtap(): string | false {
  const needs = missing('initial-root', 'tun', 'netns');
  if (needs !== false) return needs;
  if (!/^ *\d+ macvtap$/m.test(readFileSync('/proc/devices', 'utf8'))) return 'no macvtap driver';
  const devtmpfs = / \/dev \S+ (?:\S+ )*- devtmpfs /m.test(
    readFileSync('/proc/self/mountinfo', 'utf8'),
  );
  return devtmpfs ? false : 'no devtmpfs';
}

test(
  'a file of a macvtap tells name and address, but no namespace',
  { skip: skipMacvtap() },
  async (t) => {
    const stage = setStage(t);
    const below = stage.unheldDevice();
    const name = stage.deviceName();
    stage.home.ip('link', 'add', 'link', below, 'name', name, 'type', 'macvtap');
    stage.home.ip('link', 'set', name, 'address', '02:00:00:00:00:3b');
    const node = `/dev/tap${stage.home.ifindex(name)}`;
    await until('devtmpfs has made the node', () => existsSync(node));
    const { fd } = stage.own(openSync(node, 'r+'));

    const major = readCharacterMajors('/proc').get('macvtap');
    const { rdevMajor, rdevMinor } = statusOf(fd);
    assert.equal(rdevMajor, major);
    const targets = {
      major: TUN_MAJOR,
      minor: TUN_MINOR,
      majors: [rdevMajor],
      nsfs: nsfsDevice(),
      hidingPlaces: null,
    };
    assert.deepEqual(walkFdTable('/proc/self/fd', targets).devices, [
      { fd, major: rdevMajor, minor: rdevMinor },
    ]);

    assert.deepEqual(tunInterface(fd), { name, tap: true, detached: false });
    assert.equal(tunHardwareAddress(fd), '02:00:00:00:00:3b');
    assert.equal(readFdinfoInterface('/proc/self', fd), null);
    for (const ask of [tunDeviceNetns, tunOpenedNetns]) {
      assert.throws(
        () => ask(fd),
        (error) => isKernelError(error, 'EINVAL'),
      );
    }

    stage.home.ip('link', 'del', name);
    assert.throws(
      () => tunInterface(fd),
      (error) => isKernelError(error, 'ENOLINK'),
    );
  },
);
