// Frames and messages between probe and server: however the bytes come, and whatever they are.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeFrame, FRAME_MAX, FrameReader } from '../../src/channel/frame.js';
import { ChannelError, parseFromProbe, parseFromServer } from '../../src/channel/message.js';
import { EFFORT, observation } from '../server/observation.js';

describe('frames', () => {
  it('are the same messages, wherever the stream is cut', () => {
    fc.assert(
      fc.property(
        // Of letters of all lengths: what counts is bytes, and a cut may be inside a letter.
        fc.array(fc.jsonValue({ stringUnit: 'grapheme' }), { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
        (messages, cuts) => {
          const stream = Buffer.concat(messages.map(encodeFrame));
          const reader = new FrameReader();
          const read: unknown[] = [];
          for (let at = 0, i = 0; at < stream.length; i++) {
            const end = at + cuts[i % cuts.length]!;
            for (const json of reader.push(stream.subarray(at, end))) read.push(JSON.parse(json));
            at = end;
          }
          assert.equal(JSON.stringify(read), JSON.stringify(messages));
        },
      ),
    );
  });

  it('are told as soon as their last byte is there, and not before', () => {
    const reader = new FrameReader();
    const [first, second] = [encodeFrame('größer'), encodeFrame({})];
    const stream = Buffer.concat([first, second]);
    const told = Array.from(stream, (_, at) => [...reader.push(stream.subarray(at, at + 1))]);
    const expected = Array<string[]>(stream.length).fill([]);
    expected[first.length - 1] = ['"größer"'];
    expected[stream.length - 1] = ['{}'];
    assert.deepEqual(told, expected);
    assert.deepEqual([...reader.push(Buffer.alloc(0))], []);
  });

  it('may be as long as agreed, and one that is cut off is waited for', () => {
    const header = Buffer.alloc(4);
    header.writeUInt32LE(FRAME_MAX);
    assert.deepEqual([...new FrameReader().push(header)], []);
  });

  it('before garbage are still told', () => {
    const frames = new FrameReader().push(Buffer.concat([encodeFrame(1), Buffer.alloc(4, 0xff)]));
    assert.equal(frames.next().value, '1');
    assert.throws(() => frames.next(), ChannelError);
  });

  it('that claim more than any message has are garbage', () => {
    const header = Buffer.alloc(4);
    header.writeUInt32LE(FRAME_MAX + 1);
    assert.throws(() => [...new FrameReader().push(header)], ChannelError);
    assert.throws(() => [...new FrameReader().push(Buffer.from('HTTP/1.1 400'))], ChannelError);
  });
});

describe('messages', () => {
  const told = { type: 'observation', observation: observation(['tap0'], 1), answers: [1] };

  it('that fit are taken as they are', () => {
    assert.deepEqual(parseFromProbe(JSON.stringify(told)), told);
    const alive = { type: 'alive', effort: EFFORT };
    assert.deepEqual(parseFromProbe(JSON.stringify(alive)), alive);
    assert.deepEqual(parseFromServer('{"type":"begin"}'), { type: 'begin' });
    assert.deepEqual(parseFromServer('{"type":"scan","id":7}'), { type: 'scan', id: 7 });
  });

  it('that do not fit are refused, on both sides', () => {
    for (const json of [
      'not JSON',
      'null',
      '[]',
      '{"type":"begin"}',
      '{"type":"alive","extra":1}',
      '{"type":"observation"}',
      JSON.stringify({ ...told, answers: [0] }),
    ]) {
      assert.throws(() => parseFromProbe(json), ChannelError, json);
    }
    for (const json of ['{"type":"alive"}', '{"type":"scan"}', '{"type":"scan","id":"7"}']) {
      assert.throws(() => parseFromServer(json), ChannelError, json);
    }
  });

  it('with any one value of another type are refused', () => {
    const text = JSON.stringify(told);
    const numbers = [...text.matchAll(/:(\d+)/g)];
    assert.ok(numbers.length > 5);
    for (const { index, 1: number } of numbers) {
      const damaged = `${text.slice(0, index + 1)}"${number}x"${text.slice(index + 1 + number!.length)}`;
      assert.throws(() => parseFromProbe(damaged), ChannelError, damaged);
    }
  });
});
