import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { REFLECTION, serveGrpc } from './grpc-server.js';
import { rawCall } from './raw-call.js';

/** ServerReflectionRequest as gRPC frames it: `list_services: "*"`. */
const LIST_SERVICES = Buffer.from([0, 0, 0, 0, 3, 0x3a, 0x01, 0x2a]);
const PORTION = Buffer.concat(Array.from({ length: 100 }, () => LIST_SERVICES));
const PORTIONS = 1_000;

test('of a client that takes no answers no further requests are read', async (t) => {
  const { path } = await serveGrpc(t);
  // The server may send no byte of an answer.
  const stream = rawCall(t, 'http://localhost', REFLECTION, {
    createConnection: () => connect(path),
    settings: { initialWindowSize: 0 },
  });
  let sent = 0;
  while (sent < PORTIONS) {
    const isSent = await Promise.race([
      new Promise<true>((resolve) => {
        stream.write(PORTION, () => {
          resolve(true);
        });
      }),
      delay(1_000, false),
    ]);
    if (!isSent) break;
    sent++;
  }
  assert.ok(sent > 0 && sent < PORTIONS, `${sent} portions were read`);
});
