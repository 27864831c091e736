// List of very many bindings to a client over the unix socket.
import {
  ListTapBindingsRequest,
  View,
  type ListTapBindingsResponse,
} from '../src/gen/tapmap/v1/tap_binding_service.js';
import { timed } from './contender.js';
import { firstList } from './coverage.js';
import { startCrowd } from './crowd.js';
import { quantile, type Figure } from './figure.js';
import { residentMemory, Service } from './service.js';

export async function longList(smoke: boolean, abort: AbortSignal): Promise<Figure[]> {
  const [taps, rounds] = smoke ? [100, 2] : [10_000, 20];
  const crowd = await startCrowd({ processes: 200, fds: 60, taps, holders: 200 });
  try {
    const service = await Service.start();
    try {
      await firstList(service, abort);
      return [await listOf(service, taps, rounds, smoke, abort)];
    } finally {
      await service.end();
    }
  } finally {
    await crowd.end();
  }
}

async function listOf(
  service: Service,
  taps: number,
  rounds: number,
  smoke: boolean,
  abort: AbortSignal,
): Promise<Figure> {
  const client = service.client();
  try {
    const server = service.pid('server');
    await listed(client, taps);
    const before = residentMemory(server);
    const samples: number[] = [];
    let peak = before;
    for (let round = 0; round < rounds; round++) {
      abort.throwIfAborted();
      samples.push(await timed(() => listed(client, taps)));
      peak = Math.max(peak, residentMemory(server));
    }
    const [median, growth] = [quantile(samples, 0.5), peak - before];
    return {
      measure: `List of ${taps} bindings over the unix socket`,
      figure: `${median.toFixed(0)} ms, server +${growth.toFixed(0)} MiB`,
      target: '<= 150 ms, server +50 MiB at most',
      met: smoke ? null : median <= 150 && growth <= 50,
      numbers: { medianMilliseconds: median, serverGrowthMebibytes: growth },
    };
  } finally {
    client.close();
  }
}

/** Throws when there are fewer than `taps`: a list that is short is not fast. */
async function listed(client: ReturnType<Service['client']>, taps: number): Promise<void> {
  const request = ListTapBindingsRequest.create({ view: View.VIEW_BASIC });
  let bindings = 0;
  for await (const message of client.listTapBindings(request)) {
    bindings += (message as ListTapBindingsResponse).bindings.length;
  }
  if (bindings < taps) throw new Error(`of ${taps} taps the list had ${bindings}`);
}
