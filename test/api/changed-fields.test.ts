import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bindingMessage } from '../../src/api/binding-message.js';
import { changedFields } from '../../src/api/changed-fields.js';
import { TapBinding } from '../../src/gen/tapmap/v1/tap_binding.js';
import type { StoredBinding } from '../../src/store/record.js';
import type { BindingFields } from '../store/observations.js';
import { binding, holder, process, statistics } from '../store/observations.js';

function message(fields: BindingFields = {}, stored: Partial<StoredBinding> = {}): TapBinding {
  const seen = { firstSeen: 1_000, lastChanged: 1_000, lastHolder: null };
  return bindingMessage({ ...binding(1, fields), ...seen, ...stored }, 'host1', 'FULL');
}

test('equal messages differ in nothing', () => {
  const fields = { holders: [holder(7)] };
  assert.deepEqual(changedFields(message(fields), message(fields)), []);
});

test('a message that went over the wire equals the one that was sent', () => {
  const sent = message({ holders: [holder(7)], device: { ownerUid: 0 } });
  assert.deepEqual(changedFields(sent, TapBinding.decode(TapBinding.encode(sent).finish())), []);
});

test('fields of a nested message are named one by one, in the order of the proto', () => {
  const device = { name: 'other', multiQueue: true, ownerUid: 5, statistics: statistics(1) };
  assert.deepEqual(changedFields(message(), message({ device })), [
    'device.name',
    'device.multi_queue',
    'device.owner_uid',
    'device.statistics.rx_packets',
    'device.statistics.rx_bytes',
  ]);
});

test('a list is named as a whole', () => {
  const before = message({ holders: [holder(7), holder(8)] });
  const after = message({ holders: [holder(7), holder(8, { process: { comm: 'other' } })] });
  assert.deepEqual(changedFields(before, after), ['holders']);
  assert.deepEqual(changedFields(after, message({ holders: [holder(7)] })), [
    'holders',
    'queues.attached',
    'queues.found',
  ]);
});

test('a message that was set or unset is named as a whole', () => {
  const master = { name: 'br0', ifindex: 2 };
  assert.deepEqual(changedFields(message(), message({ device: { master } })), ['device.master']);
  assert.deepEqual(changedFields(message({ device: { master } }), message()), ['device.master']);
});

test('times are compared as times', () => {
  assert.deepEqual(changedFields(message(), message({}, { lastChanged: 2_000 })), ['last_changed']);
});

test('of a oneof its members are named', () => {
  const last = (workload: StoredBinding['holders'][number]['workload']) =>
    message({}, { lastHolder: { process: process(7), workload, lastSeen: 1_000 } });
  const names = { hypervisor: 'qemu', name: 'vm1', uuid: '' };
  const vm = { kind: 'virtualMachine', ...names, container: null } as const;
  const unit = { kind: 'systemdUnit', unit: 'a.service', slice: '' } as const;
  assert.deepEqual(changedFields(last(vm), last({ ...vm, name: 'vm2' })), [
    'last_holder.workload.virtual_machine.name',
  ]);
  assert.deepEqual(changedFields(last(vm), last(unit)), [
    'last_holder.workload.virtual_machine',
    'last_holder.workload.systemd_unit',
  ]);
  assert.deepEqual(changedFields(last(null), last(unit)), ['last_holder.workload']);
  assert.deepEqual(changedFields(last(unit), last(unit)), []);
});

test('an unset optional field is the same whether it is there as undefined or not at all', () => {
  const partial = (fields: object) => fields;
  assert.deepEqual(changedFields(partial({ a: 1, b: undefined }), partial({ a: 1 })), []);
  assert.deepEqual(changedFields(partial({ a: 1, ownerUid: 2 }), partial({ a: 1 })), ['owner_uid']);
});
