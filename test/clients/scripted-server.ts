// A server that answers as the test says: for what the real one does only in distress.
import { promisify } from 'node:util';
import {
  Metadata,
  Server,
  ServerCredentials,
  status,
  type ServerWritableStream,
} from '@grpc/grpc-js';
import { errorStatus, ApiError, type ApiErrorReason } from '../../src/api/error.js';
import {
  TapBindingServiceService,
  type WatchTapBindingsRequest,
  type WatchTapBindingsResponse,
} from '../../src/gen/tapmap/v1/tap_binding_service.js';
import type { Stage } from '../stage/stage.js';

/** The code of a refusal, a reason of the API, or null for OK. */
export type End = 'PERMISSION_DENIED' | 'UNAUTHENTICATED' | ApiErrorReason | null;

export type Answer = (request: WatchTapBindingsRequest) => {
  readonly messages: readonly WatchTapBindingsResponse[];
  readonly end: End;
};

/** Gives the address for clients. Both methods end as `answer` says; a list has no messages. */
export async function scriptedServer(stage: Stage, answer: Answer): Promise<string> {
  const server = new Server();
  const handle = (
    call: ServerWritableStream<WatchTapBindingsRequest, WatchTapBindingsResponse>,
  ): void => {
    const { messages, end } = answer(call.request);
    for (const message of messages) call.write(message);
    if (end === null) call.end();
    else call.emit('error', statusOf(end));
  };
  server.addService(TapBindingServiceService, {
    listTapBindings: handle,
    watchTapBindings: handle,
  });
  stage.atEnd(() => {
    server.forceShutdown();
  });
  const bind = promisify(server.bindAsync.bind(server));
  const port = await bind('127.0.0.1:0', ServerCredentials.createInsecure());
  return `tcp://127.0.0.1:${port}`;
}

function statusOf(end: Exclude<End, null>) {
  if (end === 'PERMISSION_DENIED' || end === 'UNAUTHENTICATED') {
    return { code: status[end], details: 'not for you', metadata: new Metadata() };
  }
  const error = new ApiError(end, 'not now', end === 'DRAINING' ? { retryAfterMs: 50 } : {});
  return errorStatus(error);
}
