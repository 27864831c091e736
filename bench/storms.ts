// Much at once: what a storm costs the probe, and whether all of it is told in the end.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import {
  ListTapBindingsRequest,
  View,
  type ListTapBindingsResponse,
} from '../src/gen/tapmap/v1/tap_binding_service.js';
import type { Figure } from './figure.js';
import { processorTime, type Service } from './service.js';

interface Storm {
  readonly measure: string;
  /** A shell's; it runs in a network namespace of its own, and what it made there goes with it. */
  readonly script: string;
  /** How many devices of the namespace are told when the script has said `done`. */
  readonly devices: number;
}

export interface StormsOptions {
  readonly service: Service;
  readonly smoke: boolean;
  readonly abort: AbortSignal;
}

export async function storms({ service, smoke, abort }: StormsOptions): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const storm of smoke ? stormsOf(20, 50, 5) : stormsOf(2000, 5000, 250)) {
    abort.throwIfAborted();
    figures.push(await weather(service, storm, smoke));
  }
  return figures;
}

function stormsOf(taps: number, processes: number, containers: number): Storm[] {
  const make = `seq ${taps} | sed 's/.*/tuntap add dev storm& mode tap/' | ip -batch -`;
  const remove = `seq ${taps} | sed 's/.*/link del storm&/' | ip -batch -`;
  const container =
    'mount -t tmpfs tmpfs /dev/net && mknod /dev/net/tun c 10 200 && ' +
    'ip tuntap add dev storm mode tap && sleep 0.2';
  // 50 a second, one device of ours beside.
  const start = `unshare --mount --net sh -c "${container}" & sleep 0.02`;
  const beside = 'ip tuntap add dev beside mode tap';
  return [
    { measure: `${taps} taps made in a burst`, script: make, devices: taps },
    {
      measure: `${taps} taps made and deleted in a burst`,
      script: `${make}; ${remove}`,
      devices: 0,
    },
    {
      measure: `${processes} short-lived processes`,
      script: `${beside}; i=0; while [ $i -lt ${processes} ]; do /bin/true; i=$((i+1)); done`,
      devices: 1,
    },
    {
      measure: `${containers} container starts, 50 a second, each with a node and a device`,
      script: `${beside}; i=0; while [ $i -lt ${containers} ]; do ${start}; i=$((i+1)); done; wait`,
      devices: 1,
    },
  ];
}

async function weather(service: Service, storm: Storm, smoke: boolean): Promise<Figure> {
  const probe = service.pid('probe');
  const storming = `${storm.script}; echo done; read -r _`;
  const child = spawn('unshare', ['--net', 'sh', '-c', storming], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  // It is the shell by then: unshare has become it.
  const [begin, used] = [performance.now(), processorTime(probe)];
  try {
    await once(child.stdout, 'data');
    const took = performance.now() - begin;
    const share = (processorTime(probe) - used) / (took / 1000);
    const inode = BigInt(statSync(`/proc/${child.pid}/ns/net`).ino);
    const late = await untilTold(service, inode, storm.devices);
    const isTold = late !== null;
    const told = isTold ? `all told ${late.toFixed(0)} ms after` : 'NOT all told';
    return {
      measure: storm.measure,
      figure: `${told}, probe ${(100 * share).toFixed(0)} % of a core for ${(took / 1000).toFixed(1)} s`,
      target: 'nothing missed, CPU bounded (one core)',
      met: smoke ? null : isTold && share <= 1,
      numbers: { lateMilliseconds: late ?? NaN, probeShare: share, milliseconds: took },
    };
  } finally {
    child.stdin.end();
    if (child.exitCode === null) await once(child, 'exit');
  }
}

/** Milliseconds until the server, which is not asked to scan, tells so many; null: not in 5 s. */
async function untilTold(service: Service, inode: bigint, devices: number): Promise<number | null> {
  const client = service.client();
  const begin = performance.now();
  try {
    while (performance.now() - begin < 5000) {
      let told = 0;
      const request = ListTapBindingsRequest.create({ view: View.VIEW_BASIC });
      for await (const message of client.listTapBindings(request)) {
        const { bindings } = message as ListTapBindingsResponse;
        told += bindings.filter(({ device }) => device?.netns?.inode === inode).length;
      }
      if (told === devices) return performance.now() - begin;
      await delay(5);
    }
    return null;
  } finally {
    client.close();
  }
}
