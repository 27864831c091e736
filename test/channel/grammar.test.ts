// The grammar on every field that there is: a message with all of them, and each one damaged in turn.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ChannelError, parseFromProbe, parseFromServer } from '../../src/channel/message.js';
import { DENIED_DETAILS_MAX } from '../../src/model/coverage.js';
import type { Netns } from '../../src/model/device.js';
import { observation } from '../server/observation.js';

const netns: Netns = {
  inode: 2,
  cookie: '9',
  paths: ['/run/netns/a'],
  initial: false,
  pid: 7,
  comm: 'vpn',
  container: '',
};
const traffic = {
  rxPackets: 1,
  txPackets: 2,
  rxBytes: 3,
  txBytes: 4,
  rxErrors: 5,
  txErrors: 6,
  rxDropped: 7,
  txDropped: 8,
};
const container = {
  kind: 'container',
  runtime: 'docker',
  id: '01',
  name: 'c',
  podUid: '',
  podName: '',
  podNamespace: '',
} as const;
const workloads = [
  { kind: 'systemdUnit', unit: 'vpn.service', slice: 'system.slice' },
  { kind: 'virtualMachine', hypervisor: 'qemu', name: 'vm', uuid: '', container },
  container,
] as const;

/** Every field of the grammar has a value in it that is no null and no empty list. */
function complete() {
  const [bare] = observation(['tap0']).bindings;
  const { coverage } = observation([]);
  const holders = workloads.map((workload, i) => ({
    process: {
      pid: 100 + i,
      startTime: 5,
      ppid: 1,
      comm: 'vpn',
      executable: '/usr/bin/vpn',
      commandLine: ['vpn', '--tap'],
      uid: 0,
      userName: 'root',
      gid: 0,
      nsPids: [100, 1],
      netns,
      cgroup: '/system.slice/vpn.service',
    },
    workload,
    fds: [
      {
        fd: 3,
        tid: 101,
        queue: 'q1',
        detached: false,
        openedIn: netns,
        evidence: 'IOCTL',
        candidates: 1,
      },
    ],
  }));
  const binding = {
    ...bare!,
    device: {
      ...bare!.device,
      netns,
      master: { name: 'br0', ifindex: 4 },
      ownerUid: 1000,
      groupGid: 1000,
      statistics: traffic,
    },
    holders,
    hints: [{ kind: 'IO_URING', pid: 8, fd: 4, detail: 'ring' }],
    reasons: [{ code: 'CHANGING', detail: 'twice' }],
  };
  const message = {
    type: 'observation',
    observation: {
      ...observation([]),
      bindings: [binding],
      gone: ['netns/1/devices/2', 'netns/inode-4026531840/devices/3'],
      coverage: {
        ...coverage,
        deniedProcesses: [{ pid: 1, errno: 'EACCES' }],
        deniedNetns: [{ inode: 3, errno: 'EPERM' }],
        degraded: [{ missing: 'CAP_NET_ADMIN', cost: 'names', remedy: 'give it' }],
      },
    },
    answers: [1, 2],
  };
  // No object is in it twice, nor in another message: each can be damaged by itself.
  return JSON.parse(JSON.stringify(message)) as typeof message;
}

type Json = Record<string, unknown>;

/** Each object in a message, with the way to it. */
function* objects(value: unknown, way = 'message'): Generator<[Json, string]> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield [value as Json, way];
  for (const [key, inner] of Object.entries(value)) yield* objects(inner, `${way}.${key}`);
}

/** Refuses the message with its n-th object changed, for each n and what `changes` has for it. */
function refusesEach(changes: (object: Json) => (() => void)[]): number {
  const counts = [...objects(complete())].map(([object]) => changes(object).length);
  let refused = 0;
  counts.forEach((count, at) => {
    for (let i = 0; i < count; i++) {
      const message = complete();
      const [object, way] = [...objects(message)][at]!;
      changes(object)[i]!();
      const json = JSON.stringify(message);
      assert.throws(() => parseFromProbe(json), ChannelError, `${way}: ${JSON.stringify(object)}`);
      refused++;
    }
  });
  return refused;
}

test('a message with every field is taken as it is', () => {
  assert.deepEqual(parseFromProbe(JSON.stringify(complete())), complete());
});

test('a field more, in any object of a message, is refused', () => {
  const refused = refusesEach((object) =>
    ['extra', '__proto__'].map((key) => () => {
      Object.defineProperty(object, key, { value: {}, enumerable: true });
    }),
  );
  assert.ok(refused > 2 * 20);
});

test('a field less, in any object of a message, is refused', () => {
  const refused = refusesEach((object) =>
    Object.keys(object).map((key) => () => {
      Reflect.deleteProperty(object, key);
    }),
  );
  assert.ok(refused > 100);
});

test('a value of any other kind, in any field, is refused', () => {
  const kinds = [true, 'no such word', -1, 1.5, [[]], { a: 1 }];
  const kind = (value: unknown) => (Array.isArray(value) ? 'array' : typeof value);
  const refused = refusesEach((object) =>
    Object.entries(object).flatMap(([key, was]) =>
      kinds
        .filter((other) => kind(other) !== kind(was))
        .map((other) => () => {
          object[key] = other;
        }),
    ),
  );
  assert.ok(refused > 500);
});

test('what no kernel and no probe would say is refused, of the right type or not', () => {
  const text = JSON.stringify(complete());
  const damage: [string, string][] = [
    ['"inode":2', '"inode":0'],
    ['"cookie":"9"', '"cookie":"-9"'],
    ['"pid":100', '"pid":0'],
    ['"pid":100', '"pid":2147483648'],
    ['"uid":0', '"uid":4294967296'],
    ['"ppid":1', '"ppid":-1'],
    ['"fd":3', '"fd":1.5'],
    ['"name":"tap0"', '"name":""'],
    ['"name":"tap0"', '"name":"sixteen-letters-"'],
    ['"kind":"TAP"', '"kind":"TAPE"'],
    ['"verdict":"UNHELD"', '"verdict":"held"'],
    ['"evidence":"IOCTL"', '"evidence":""'],
    ['"hardwareAddress":"02:', '"hardwareAddress":"2:'],
    ['"errno":"EACCES"', '"errno":"eacces"'],
    ['"netns/1/devices/2"', '"netns/1/devices/"'],
    ['"netns/1/devices/2"', '"../1/devices/2"'],
    ['"answers":[1,2]', '"answers":[0]'],
    ['"scanDuration":1', '"scanDuration":1e999'],
  ];
  for (const [was, is] of damage) {
    assert.ok(text.includes(was), was);
    assert.throws(() => parseFromProbe(text.replace(was, is)), ChannelError, is);
  }
});

test('a holder without a descriptor is none', () => {
  const message = complete();
  message.observation.bindings[0]!.holders[0]!.fds = [];
  assert.throws(() => parseFromProbe(JSON.stringify(message)), ChannelError);
});

test('details of what was denied are as many as agreed, and no more', () => {
  const { coverage } = complete().observation;
  const withDetails = (count: number) => {
    const message = complete();
    const deniedProcesses = Array.from({ length: count }, () => coverage.deniedProcesses[0]!);
    message.observation.coverage = { ...coverage, deniedProcesses };
    return JSON.stringify(message);
  };
  assert.equal(parseFromProbe(withDetails(DENIED_DETAILS_MAX)).type, 'observation');
  assert.throws(() => parseFromProbe(withDetails(DENIED_DETAILS_MAX + 1)), ChannelError);
});

test('whatever JSON or text comes, each side takes it or says a channel error', () => {
  const types = fc.constantFrom(
    'alive',
    'observation',
    'begin',
    'scan',
    '__proto__',
    'constructor',
  );
  const typed = fc.tuple(types, fc.jsonValue()).map(([type, id]) => ({ type, id }));
  const texts = fc.oneof(
    fc.string(),
    fc.json(),
    typed.map((message) => JSON.stringify(message)),
  );
  fc.assert(
    fc.property(texts, (text) => {
      for (const parse of [parseFromProbe, parseFromServer]) {
        try {
          parse(text);
        } catch (error) {
          assert.ok(error instanceof ChannelError, String(error));
          assert.ok(error.message.length < 1000);
        }
      }
    }),
    { numRuns: 300 },
  );
});

test('JSON that is nested without end is a channel error, too', () => {
  const deep = '['.repeat(200_000) + ']'.repeat(200_000);
  for (const text of [deep, `{"type":"scan","id":${deep}}`, '['.repeat(200_000)]) {
    assert.throws(() => parseFromServer(text), ChannelError);
    assert.throws(() => parseFromProbe(text), ChannelError);
  }
});

test('who sent what does not fit, and where it does not, is in the error', () => {
  assert.throws(() => parseFromServer('{"type":"scan","id":0}'), /^ChannelError: the server .*id/);
  assert.throws(
    () => parseFromProbe('not JSON'),
    (error) => error instanceof ChannelError && error.cause instanceof SyntaxError,
  );
});
