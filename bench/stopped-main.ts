// `stopped-main.ts TARGET WATCHERS`: watchers in a process of their own that stop and go on. A line on standard
// input each: `report` is answered with one of JSON, `pause` and `resume` with the same word.
import { createInterface } from 'node:readline';
import { credentials } from '@grpc/grpc-js';
import { TapBindingServiceClient } from '../src/gen/tapmap/v1/tap_binding_service.js';
import { ReplayingWatcher } from './replaying-watcher.js';

const [target = '', watchers = ''] = process.argv.slice(2);
const all = Array.from({ length: Number(watchers) }, () => {
  // A connection each: otherwise they would share what one connection may have unread.
  const options = { 'grpc.use_local_subchannel_pool': 1 };
  const client = new TapBindingServiceClient(target, credentials.createInsecure(), options);
  return new ReplayingWatcher(client);
});
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'pause') for (const watcher of all) watcher.pause();
  if (line === 'resume') for (const watcher of all) watcher.resume();
  console.log(line === 'report' ? JSON.stringify(all.map(({ replayed }) => replayed)) : line);
}
for (const watcher of all) watcher.end();
