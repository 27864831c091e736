// `watchers-main.ts TARGET WATCHERS STOPPED`: watchers in a process of their own, of which the first STOPPED
// take nothing in after `begin`. Answers `begin` and `report` on standard input, a line each.
import { createInterface } from 'node:readline';
import { View } from '../src/gen/tapmap/v1/tap_binding_service.js';
import { StreamWatcher, type Followed } from './stream-watcher.js';

const [target = '', watchers = '', stopped = '0'] = process.argv.slice(2);
const all: StreamWatcher[] = [];
for (let i = 0; i < Number(watchers); i++) {
  all.push(new StreamWatcher(target, { view: View.VIEW_BASIC, updatesOnly: true }));
}

export interface WatchersReport {
  /** Of those that take everything in. */
  readonly followed: readonly Followed[];
}

for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'begin') {
    for (const watcher of all) watcher.reset();
    for (const watcher of all.slice(0, Number(stopped))) watcher.pause();
    console.log('begun');
  } else {
    const report: WatchersReport = {
      followed: all.slice(Number(stopped)).map(({ followed }) => followed),
    };
    console.log(JSON.stringify(report));
  }
}
for (const watcher of all) watcher.end();
