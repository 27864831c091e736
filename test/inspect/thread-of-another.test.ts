// The id of a thread that ended may be given to a thread of another process.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { thisHost } from '../../src/inspect/host.js';
import { NetnsFiles } from '../../src/inspect/netns-files.js';
import { resolveTable } from '../../src/inspect/resolve.js';
import { TUN_MAJOR, TUN_MINOR } from '../../src/kernel/tun.js';
import { missing } from '../stage/ability.js';
import { setStage } from '../stage/stage.js';

const host = thisHost();

test(
  'a descriptor of a thread is told of the process that the thread is of, or not at all',
  { skip: missing('root', 'tun', 'netns') },
  async (t) => {
    const stage = setStage(t);
    const holder = await stage.holder([stage.queue(stage.deviceName())]);
    const stranger = await stage.holder([]);
    const files = new NetnsFiles(host);
    stage.atEnd(() => {
      files.close();
    });
    const devices = [{ fd: 3, major: TUN_MAJOR, minor: TUN_MINOR }];
    const held = resolveTable(
      host,
      { pid: holder.pid, tid: holder.pid, devices, hidingPlaces: [] },
      files,
    );
    assert.equal(held.attachments.length, 1);
    const found = resolveTable(
      host,
      { pid: stranger.pid, tid: holder.pid, devices, hidingPlaces: [] },
      files,
    );
    assert.deepEqual(found, { attachments: [], unattached: 0, refused: null, process: null });
  },
);
