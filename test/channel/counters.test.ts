// Traffic counters have 64 bits: a device that has seen a lot of traffic must not end the channel.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChannelError, parseFromProbe } from '../../src/channel/message.js';
import type { Statistics } from '../../src/model/device.js';
import { observation } from '../server/observation.js';

const zero: Statistics = {
  rxPackets: 0,
  txPackets: 0,
  rxBytes: 0,
  txBytes: 0,
  rxErrors: 0,
  txErrors: 0,
  rxDropped: 0,
  txDropped: 0,
};

function told(rxBytes: number): string {
  const { bindings, ...rest } = observation(['tap0']);
  const counted = bindings.map((binding) => ({
    ...binding,
    device: { ...binding.device, statistics: { ...zero, rxBytes } },
  }));
  return JSON.stringify({
    type: 'observation',
    observation: { ...rest, bindings: counted },
    answers: [],
  });
}

test('counters of any 64 bits are taken, as exact as a number can be', () => {
  for (const rxBytes of [0, 2 ** 53 - 1, 2 ** 53, 2 ** 60 + 2 ** 10, 2 ** 64 - 2 ** 11]) {
    const message = parseFromProbe(told(rxBytes));
    assert.ok(message.type === 'observation');
    assert.equal(message.observation.bindings[0]?.device.statistics?.rxBytes, rxBytes);
  }
});

test('counters below zero, above 64 bits or in fractions are refused', () => {
  for (const rxBytes of [-1, 0.5, 2 ** 64]) {
    assert.throws(() => parseFromProbe(told(rxBytes)), ChannelError, String(rxBytes));
  }
});
