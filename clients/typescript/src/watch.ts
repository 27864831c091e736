/** A watch that outlives the server: it reconnects, and goes on where it was. */
import { setTimeout as delay } from 'node:timers/promises';
import { status, type ServiceError } from '@grpc/grpc-js';
import {
  WatchTapBindingsRequest,
  type TapBindingFilter,
  type TapBindingServiceClient,
  type WatchTapBindingsResponse,
} from '../gen/tapmap/v1/tap_binding_service.js';
import { describe, isCallError, retryDelay } from './call-error.js';
import { printLine } from './print.js';
import { Replay } from './replay.js';

/** Milliseconds between two tries. */
export const PAUSE = { first: 100, longest: 5000 };

/** Trying again would not change these. */
const FINAL: ReadonlySet<status> = new Set([
  status.INVALID_ARGUMENT,
  status.PERMISSION_DENIED,
  status.UNAUTHENTICATED,
  status.UNIMPLEMENTED,
]);

/** Goes on until the server gives an answer that trying again does not change. */
export async function watch(
  client: TapBindingServiceClient,
  filter: TapBindingFilter[],
): Promise<never> {
  const replay = new Replay();
  let pause = PAUSE.first;
  while (true) {
    const { resumeToken } = replay;
    let failure: ServiceError | undefined;
    let first = true;
    try {
      const stream = client.watchTapBindings(
        WatchTapBindingsRequest.create({ filter, resumeToken }),
      );
      for await (const response of stream as AsyncIterable<WatchTapBindingsResponse>) {
        if (first && resumeToken !== '' && response.event?.$case !== 'snapshotBegin') {
          await printLine({ event: 'resumed' });
        }
        [first, pause] = [false, PAUSE.first];
        for (const event of replay.apply(response)) await printLine(event);
      }
    } catch (error) {
      if (!isCallError(error) || FINAL.has(error.code)) throw error;
      failure = error;
    }
    replay.interrupted();
    const wait = (failure && retryDelay(failure)) ?? pause;
    console.error(`stream ended (${failure ? describe(failure) : 'OK'}), again in ${wait} ms`);
    await delay(wait);
    pause = Math.min(2 * pause, PAUSE.longest);
  }
}
