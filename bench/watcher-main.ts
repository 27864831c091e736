// A client of a process of its own, so that nothing but itself delays it: watches the devices that the
// bench works on and prints each change as a line of JSON, see watcher.ts.
//
//   watcher-main TARGET GLOB
import { writeSync } from 'node:fs';
import { credentials } from '@grpc/grpc-js';
import {
  TapBindingServiceClient,
  View,
  WatchTapBindingsRequest,
  type WatchTapBindingsResponse,
} from '../src/gen/tapmap/v1/tap_binding_service.js';
import type { Arrival } from './watcher.js';

const [target, deviceName] = process.argv.slice(2);
if (target === undefined || deviceName === undefined) throw new Error('TARGET GLOB');
const client = new TapBindingServiceClient(target, credentials.createInsecure());
const filter = [{ deviceName }];
const view = View.VIEW_BASIC;
const request = WatchTapBindingsRequest.fromPartial({ filter, view, updatesOnly: true });
client
  .watchTapBindings(request)
  .on('data', ({ event }: WatchTapBindingsResponse) => {
    const at = String(process.hrtime.bigint());
    // The stream begins with it.
    if (event?.$case === 'progress') writeSync(1, 'watching\n');
    if (event?.$case !== 'changes') return;
    for (const { type, binding } of event.value.changes) {
      const arrival: Arrival = {
        at,
        type,
        name: binding?.device?.name ?? '',
        netns: Number(binding?.device?.netns?.inode ?? 0),
        holders: (binding?.holders ?? []).map(({ process: holder, fds }) => {
          return { pid: holder?.pid ?? 0, comm: holder?.comm ?? '', fds: fds.length };
        }),
      };
      writeSync(1, `${JSON.stringify(arrival)}\n`);
    }
  })
  .on('error', (error) => {
    // That the server ends is whoever measures' doing.
    writeSync(2, `watcher: ${error.message}\n`);
    process.exit(1);
  });
process.stdin.on('end', () => process.exit(0)).resume();
