// What the service tells of its own looking.
import { setTimeout as delay } from 'node:timers/promises';
import { status, type ServiceError } from '@grpc/grpc-js';
import {
  ListTapBindingsRequest,
  type ListTapBindingsResponse,
} from '../src/gen/tapmap/v1/tap_binding_service.js';
import { finderToJSON } from '../src/gen/tapmap/v1/coverage.js';
import type { Service } from './service.js';

/** Times in milliseconds. */
export interface Listed {
  readonly bindings: number;
  readonly finder: string;
  /** Since the epoch: when the last scan began. */
  readonly scanTime: number;
  readonly scanDuration: number;
  readonly scanInterval: number;
}

/** All bindings, from a connection of its own. @throws ServiceError */
async function list(service: Service, deviceName = ''): Promise<Listed> {
  const client = service.client();
  const filter = deviceName === '' ? [] : [{ deviceName }];
  try {
    let bindings = 0;
    let last: ListTapBindingsResponse | undefined;
    const request = ListTapBindingsRequest.fromPartial({ filter });
    for await (const message of client.listTapBindings(request)) {
      last = message as ListTapBindingsResponse;
      bindings += last.bindings.length;
    }
    const { finder, scanTime, scanDuration, scanInterval } = last!.summary!.coverage!;
    return {
      bindings,
      finder: finderToJSON(finder).replace('FINDER_', '').toLowerCase(),
      scanTime: scanTime!.getTime(),
      scanDuration: milliseconds(scanDuration!),
      scanInterval: milliseconds(scanInterval!),
    };
  } finally {
    client.close();
  }
}

/** The same, asked again while the server says that it is starting. */
export async function firstList(service: Service, signal: AbortSignal): Promise<Listed> {
  while (true) {
    try {
      return await list(service);
    } catch (error) {
      if ((error as ServiceError).code !== status.UNAVAILABLE) throw error;
      await delay(5, undefined, { signal });
    }
  }
}

/** Figures of the last scan alone: a list of no binding. */
export function lastScan(service: Service): Promise<Listed> {
  return list(service, 'no-such-device');
}

function milliseconds({ seconds, nanos }: { seconds: bigint; nanos: number }): number {
  return Number(seconds) * 1000 + nanos / 1e6;
}
