import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, createConnection, type Socket } from 'node:net';
import { after, afterEach, beforeEach, describe, it } from 'node:test';
import { encodeFrame, FrameReader } from '../../src/channel/frame.js';
import type { Observation } from '../../src/model/observation.js';
import { ProbeChannel } from '../../src/server/probe-channel.js';
import { watchForLeaks } from '../stage/leaks.js';
import { until } from '../stage/until.js';
import { EFFORT, observation } from './observation.js';

describe('the stream from a probe', () => {
  const checkLeaks = watchForLeaks();
  after(checkLeaks);

  let probe: Socket;
  let channel: ProbeChannel;
  let observations: { observation: Observation; answers: readonly number[] }[];
  let failures: string[];
  let received: unknown[];

  beforeEach(async () => {
    observations = [];
    failures = [];
    received = [];
    probe = await open({ first: 60_000, next: 60_000 });
  });

  afterEach(() => {
    channel.close();
    probe.destroy();
  });

  async function open(silence: { first: number; next: number }): Promise<Socket> {
    const listener = createServer();
    await once(listener.listen(`\0tapmap-test-${process.pid}`), 'listening');
    const client = createConnection(`\0tapmap-test-${process.pid}`);
    const [socket] = (await once(listener, 'connection')) as [Socket];
    listener.close();
    const reader = new FrameReader();
    client.on('data', (chunk) => {
      for (const json of reader.push(chunk)) received.push(JSON.parse(json));
    });
    client.on('error', () => undefined);
    channel = new ProbeChannel(socket, silence, {
      alive: () => undefined,
      observation: (found, answers) => observations.push({ observation: found, answers }),
      failed: (reason) => failures.push(reason),
    });
    return client;
  }

  function send(message: unknown): void {
    probe.write(encodeFrame(message));
  }

  async function failure(): Promise<string> {
    return until('the probe has failed', () => failures[0]);
  }

  it('begins with the server, which then asks for scans', async () => {
    channel.scan(3);
    await until('two messages came', () => received.length === 2);
    assert.deepEqual(received, [{ type: 'begin' }, { type: 'scan', id: 3 }]);
  });

  it('carries observations in order, and what they answer', async () => {
    send({ type: 'alive', effort: EFFORT });
    send({ type: 'observation', observation: observation(['tap0']), answers: [] });
    const partial = { ...observation([]), full: false };
    send({ type: 'observation', observation: partial, answers: [4, 5] });
    await until('two observations came', () => observations.length === 2);
    assert.deepEqual(observations[0], { observation: observation(['tap0']), answers: [] });
    assert.deepEqual(observations[1], { observation: partial, answers: [4, 5] });
    assert.deepEqual(failures, []);
  });

  it('fails when it ends, whole or in the middle of a frame, and only once', async () => {
    const frame = encodeFrame({ type: 'alive', effort: EFFORT });
    probe.write(frame.subarray(0, frame.length - 1));
    probe.destroy();
    assert.equal(await failure(), 'ended');
    channel.close();
    assert.deepEqual(failures, ['ended']);
  });

  it('fails on what the grammar does not know, and takes nothing after it', async () => {
    const good = { type: 'observation', observation: observation([]), answers: [] };
    for (const bad of [{ type: 'other' }, { ...good, more: 1 }, { ...good, answers: [0] }]) {
      failures = [];
      send(bad);
      send(good);
      assert.equal(await failure(), 'sent what cannot be understood');
      await until('the stream is closed', () => probe.destroyed);
      probe = await open({ first: 60_000, next: 60_000 });
    }
    assert.deepEqual(observations, []);
  });

  it('fails on bytes that are no frames', async () => {
    probe.write(Buffer.alloc(64, 0xff));
    assert.equal(await failure(), 'sent what cannot be understood');
  });

  it('fails when it begins with a partial observation: what it builds on was never sent', async () => {
    const partial = { ...observation([]), full: false };
    send({ type: 'observation', observation: partial, answers: [] });
    assert.equal(await failure(), 'sent what cannot be understood');
    assert.deepEqual(observations, []);
  });

  it('fails when nothing is heard', async () => {
    probe.destroy();
    await failure();
    failures = [];
    probe = await open({ first: 100, next: 60_000 });
    assert.equal(await failure(), 'was silent for 0.1 s');
  });

  it('fails when nothing more is heard', async () => {
    probe.destroy();
    await failure();
    failures = [];
    probe = await open({ first: 60_000, next: 200 });
    send({ type: 'alive', effort: EFFORT });
    assert.equal(await failure(), 'was silent for 0.2 s');
  });

  it('calls it no failure when the server itself closes it', async () => {
    channel.close();
    await until('the stream is closed', () => probe.destroyed);
    assert.deepEqual(failures, []);
  });
});
