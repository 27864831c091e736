import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bindingMessage } from '../../src/api/binding-message.js';
import { bindingSize } from '../../src/api/message-size.js';
import { TapBinding } from '../../src/gen/tapmap/v1/tap_binding.js';
import type { Container, Workload } from '../../src/model/holder.js';
import { binding, holder, netns, process } from '../store/observations.js';

const BIG = Number.MAX_SAFE_INTEGER;
const INT = 0x7fff_ffff;

function containerOf(id: string): Container {
  return {
    kind: 'container',
    runtime: id,
    id,
    name: id,
    podUid: id,
    podName: id,
    podNamespace: id,
  };
}

test('the estimated size of a binding is never below the encoded one, nor far above it', () => {
  const text = fc.string({ maxLength: 300, unit: 'grapheme-ascii' });
  const workload = fc.constantFrom<(text: string) => Workload | null>(
    () => null,
    (unit) => ({ kind: 'systemdUnit', unit, slice: unit }),
    (name) => ({ kind: 'virtualMachine', hypervisor: name, name, uuid: name, container: null }),
    (name) => ({
      kind: 'virtualMachine',
      hypervisor: name,
      name,
      uuid: name,
      container: containerOf(name),
    }),
    containerOf,
  );
  const place = netns(1, {
    inode: BIG,
    cookie: '18446744073709551615',
    pid: INT,
    comm: 'x'.repeat(15),
  });
  const counters = {
    rxPackets: BIG,
    txPackets: BIG,
    rxBytes: BIG,
    txBytes: BIG,
    rxErrors: BIG,
    txErrors: BIG,
    rxDropped: BIG,
    txDropped: BIG,
  };
  fc.assert(
    fc.property(
      fc.nat(6),
      fc.array(text, { maxLength: 8 }),
      text,
      workload,
      (holders, list, words, of) => {
        const numbers = { ppid: INT, uid: 0xffff_ffff, gid: 0xffff_ffff, startTime: BIG };
        const held = Array.from({ length: holders }, () =>
          holder(INT, {
            process: {
              ...numbers,
              commandLine: list,
              cgroup: words,
              nsPids: list.map(() => INT),
              netns: place,
            },
            workload: of(words),
            fd: {
              fd: INT,
              tid: INT,
              queue: words,
              detached: true,
              openedIn: place,
              candidates: INT,
            },
          }),
        );
        const record = {
          ...binding(INT, {
            holders: held,
            hints: list.map((detail) => ({ kind: 'IO_URING', pid: INT, fd: INT, detail }) as const),
            reasons: list.map((detail) => ({ code: 'CHANGING', detail }) as const),
            queues: { attached: INT, disabled: INT, found: INT },
            device: {
              netns: place,
              alias: words,
              mtu: INT,
              master: { name: 'master', ifindex: INT },
              ownerUid: INT,
              groupGid: INT,
              statistics: counters,
            },
          }),
          firstSeen: 4e12 + 1,
          lastChanged: 4e12 + 1,
          lastHolder: {
            process: process(INT, { ...numbers, commandLine: list }),
            workload: of(words),
            lastSeen: 4e12 + 1,
          },
        };
        const message = bindingMessage(record, 'host1', 'FULL');
        const encoded = TapBinding.encode(message).finish().length;
        const estimated = bindingSize(message);
        assert.ok(estimated >= encoded, `${estimated} for ${encoded}`);
        assert.ok(estimated <= encoded * 2 + 300, `${estimated} for ${encoded}`);
      },
    ),
  );
});
