// A file tells name and namespace of its device one after the other: both must be of one moment.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { thisHost } from '../../src/inspect/host.js';
import { NetnsFiles } from '../../src/inspect/netns-files.js';
import { resolveTable } from '../../src/inspect/resolve.js';
import { TUN_MAJOR, TUN_MINOR } from '../../src/kernel/tun.js';
import { missing } from '../stage/ability.js';
import { setStage } from '../stage/stage.js';
import { interrupted, momentsOf } from './moments.js';

const skip = missing('root', 'tun', 'netns');

// Opens what the process keeps open, before a test looks for leaks.
thisHost();

for (const moment of momentsOf(['tunInterface', 'tunDeviceNetns'])) {
  test(
    `a device that is moved and renamed at once ${moment.when} ${moment.step} is told as it was or as it is`,
    { skip },
    async (t) => {
      const stage = setStage(t);
      const [device, renamed, target] = [stage.deviceName(), stage.deviceName(), stage.netns()];
      const { pid } = await stage.holder([stage.queue(device)]);
      const { kernel, happened } = interrupted(moment, { pid, device }, () => {
        stage.home.move(device, target, renamed);
      });
      const host = thisHost('/proc', kernel);
      const devices = [{ fd: 3, major: TUN_MAJOR, minor: TUN_MINOR }];
      const files = new NetnsFiles(host);
      try {
        const table = { pid, tid: null, devices, hidingPlaces: [] };
        const { attachments } = resolveTable(host, table, files);
        assert.ok(happened());
        const told = attachments.map(({ name, deviceNetns }) => ({ name, netns: deviceNetns }));
        const isAsItWas = told[0]?.name === device;
        assert.deepEqual(told, [
          isAsItWas
            ? { name: device, netns: stage.home.inode }
            : { name: renamed, netns: target.inode },
        ]);
      } finally {
        files.close();
      }
    },
  );
}
