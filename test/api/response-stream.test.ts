import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { status as Code } from '@grpc/grpc-js';
import { ResponseStream, sourceOf } from '../../src/api/response-stream.js';
import { ClientThatLags } from './client-that-lags.js';
import { Clock } from './clock.js';

const MINUTE = 60_000;

function unexpected(error: unknown): never {
  throw error;
}

/** A stream of this many messages of this size, on a clock that the test moves. */
function streamOf(t: TestContext, count: number, size: number, room = () => 1_000) {
  const clock = new Clock(t);
  const client = new ClientThatLags();
  const messages = Array.from({ length: count }, () => Buffer.alloc(size));
  let closes = 0;
  let abandoned = 0;
  const stream = new ResponseStream(client.call, sourceOf(messages.values()), {
    limits: { stallMs: MINUTE },
    room,
    onInternalError: unexpected,
    onClose: () => closes++,
    onAbandoned: () => abandoned++,
  });
  return { clock, client, stream, closes: () => closes, abandoned: () => abandoned };
}

test('no more is written than the client may have unread', (t) => {
  const { client, stream } = streamOf(t, 100, 400);
  stream.pump();
  assert.equal(client.written.length, 3);
  client.take();
  assert.equal(client.written.length, 4);
});

test('where others have taken the room, messages go one by one', (t) => {
  let room = 0;
  const { client, stream } = streamOf(t, 100, 400, () => room);
  stream.pump();
  assert.equal(client.written.length, 1);
  client.take();
  assert.equal(client.written.length, 2);
  room = 1_000;
  stream.pump();
  assert.equal(client.untaken, 3);
});

test('many small messages are bounded by their number', (t) => {
  const { client, stream } = streamOf(t, 100, 0);
  stream.pump();
  assert.equal(client.untaken, 16);
});

test('a message larger than what may be unread is written alone', (t) => {
  const { client, stream } = streamOf(t, 2, 5_000);
  stream.pump();
  assert.equal(client.written.length, 1);
  client.take();
  assert.equal(client.written.length, 2);
});

test('the call ends with OK once all is written', (t) => {
  const { client, stream, closes } = streamOf(t, 5, 400);
  stream.pump();
  client.take(3);
  assert.deepEqual([client.written.length, client.code, closes()], [5, Code.OK, 1]);
});

test('a client that takes nothing for a minute is ended with ABORTED', (t) => {
  const { clock, client, stream, closes } = streamOf(t, 100, 400);
  stream.pump();
  clock.tick(MINUTE - 1);
  assert.equal(client.code, null);
  clock.tick(1);
  assert.equal(client.code, Code.ABORTED);
  assert.equal(closes(), 1);
});

test('a client that takes nothing for another minute after the end is given up', (t) => {
  const { clock, client, stream, closes, abandoned } = streamOf(t, 100, 400);
  stream.pump();
  clock.tick(MINUTE);
  clock.tick(MINUTE - 1);
  client.take();
  clock.tick(MINUTE - 1);
  assert.equal(abandoned(), 0);
  clock.tick(1);
  assert.deepEqual([client.code, closes(), abandoned()], [Code.ABORTED, 1, 1]);
  clock.tick(10 * MINUTE);
  assert.equal(abandoned(), 1);
});

test('a client that takes all after the end is not given up', (t) => {
  const { clock, client, stream, abandoned } = streamOf(t, 100, 400);
  stream.pump();
  clock.tick(MINUTE);
  client.take(3);
  clock.tick(10 * MINUTE);
  assert.deepEqual([client.untaken, abandoned(), clock.pending], [0, 0, 0]);
});

test('a client that never takes the end of a list is given up, too', (t) => {
  const { clock, client, stream, abandoned } = streamOf(t, 2, 400);
  stream.pump();
  assert.equal(client.code, Code.OK);
  clock.tick(MINUTE);
  assert.equal(abandoned(), 1);
});

test('a client that takes a little each minute is not ended', (t) => {
  const { clock, client, stream } = streamOf(t, 100, 400);
  stream.pump();
  for (let minute = 0; minute < 10; minute++) {
    clock.tick(MINUTE - 1);
    client.take();
  }
  assert.equal(client.code, null);
  assert.equal(client.written.length, 13);
});

test('a client that has taken all there is may be silent for ever', (t) => {
  const clock = new Clock(t);
  const client = new ClientThatLags();
  const messages = [{ bytes: Buffer.alloc(1), observedAt: null }];
  const source = { next: () => messages.pop() ?? null, ended: false };
  const limits = { stallMs: MINUTE };
  const stream = new ResponseStream(client.call, source, {
    limits,
    room: () => 1_000,
    onInternalError: unexpected,
    onAbandoned: () => unexpected(new Error('it took all')),
  });
  stream.pump();
  client.take();
  clock.tick(10 * MINUTE);
  assert.equal(client.code, null);
});

test('after the call is cancelled nothing is written, and all is released once', (t) => {
  const { clock, client, stream, closes } = streamOf(t, 100, 400);
  stream.pump();
  client.call.emit('cancelled', 'cancelled');
  client.take(3);
  stream.pump();
  clock.tick(2 * MINUTE);
  assert.deepEqual([client.written.length, client.code, closes()], [3, null, 1]);
  assert.equal(clock.pending, 0);
});

test('an error of the source ends the call with INTERNAL and is told to the inside', () => {
  const client = new ClientThatLags();
  const internal: unknown[] = [];
  const inside = new Error('of the inside');
  const source = {
    next: () => {
      throw inside;
    },
    ended: false,
  };
  const limits = { stallMs: MINUTE };
  new ResponseStream(client.call, source, {
    limits,
    room: () => 1_000,
    onInternalError: (error) => internal.push(error),
    onAbandoned: () => unexpected(new Error('it took all')),
  }).pump();
  assert.deepEqual([client.code, client.details], [Code.INTERNAL, 'internal error']);
  assert.deepEqual(internal, [inside]);
});
