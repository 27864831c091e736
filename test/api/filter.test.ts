import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseFilters } from '../../src/api/filter.js';
import type { FieldViolation } from '../../src/api/error.js';
import { DeviceKind, Verdict } from '../../src/gen/tapmap/v1/tap_binding.js';
import type { DeepPartial } from '../../src/gen/tapmap/v1/tap_binding_service.js';
import { TapBindingFilter } from '../../src/gen/tapmap/v1/tap_binding_service.js';
import type { Binding } from '../../src/model/binding.js';
import { binding, holder, netns } from '../store/observations.js';

function passes(subject: Binding, ...filters: DeepPartial<TapBindingFilter>[]): boolean {
  const violations: FieldViolation[] = [];
  const parsed = parseFilters(
    filters.map((filter) => TapBindingFilter.fromPartial(filter)),
    violations,
  );
  assert.deepEqual(violations, []);
  return parsed(subject);
}

const ID = '0123456789abcdef0123456789abcdef';
const container = {
  kind: 'container',
  runtime: 'containerd',
  id: ID,
  name: 'c1',
  podUid: 'pod-uid-1',
  podName: 'pod1',
  podNamespace: 'default',
} as const;

describe('a filter', () => {
  const subject = binding(5, {
    device: {
      name: 'vnet7',
      kind: 'MACVTAP',
      master: { name: 'br0', ifindex: 3 },
      netns: netns(2, { pid: 70, comm: 'pause', initial: true }),
    },
    verdict: 'HELD',
    holders: [
      holder(7, { process: { comm: 'qemu-kvm', uid: 0 }, workload: container }),
      holder(8, {
        process: { comm: 'openvpn', uid: 107 },
        workload: { kind: 'systemdUnit', unit: 'openvpn@a.service', slice: 'system.slice' },
      }),
      holder(9, {
        workload: {
          kind: 'virtualMachine',
          hypervisor: 'qemu',
          name: 'vm1',
          uuid: 'u',
          container: null,
        },
      }),
    ],
  });

  test('that is empty matches, and so does none at all', () => {
    assert.ok(passes(subject));
    assert.ok(passes(subject, {}));
  });

  const matching: Record<string, [DeepPartial<TapBindingFilter>, DeepPartial<TapBindingFilter>]> = {
    device_name: [{ deviceName: 'vnet*' }, { deviceName: 'tap*' }],
    kind: [
      { kind: [DeviceKind.DEVICE_KIND_TUN, DeviceKind.DEVICE_KIND_MACVTAP] },
      { kind: [DeviceKind.DEVICE_KIND_TAP] },
    ],
    netns_inode: [{ netnsInode: 4_026_531_842n }, { netnsInode: 4_026_531_841n }],
    netns_cookie: [{ netnsCookie: 2n }, { netnsCookie: 1n }],
    netns_path: [{ netnsPath: '/run/netns/ns2' }, { netnsPath: '/run/netns/ns' }],
    'netns_path by a glob': [{ netnsPath: '/run/*/ns2' }, { netnsPath: '/run/netns/x*' }],
    netns_pid: [{ netnsPid: 70 }, { netnsPid: 7 }],
    pid: [{ pid: 8 }, { pid: 80 }],
    uid: [{ uid: 107 }, { uid: 108 }],
    'uid 0': [
      { uid: 0, pid: 7 },
      { uid: 0, pid: 8 },
    ],
    comm: [{ comm: 'qemu*' }, { comm: 'qemu' }],
    container_id: [{ containerId: ID }, { containerId: `${ID}0` }],
    'container_id by its first characters': [
      { containerId: ID.slice(0, 12) },
      { containerId: ID.slice(0, 11) },
    ],
    pod_uid: [{ podUid: 'pod-uid-1' }, { podUid: 'pod-uid' }],
    container_name: [{ containerName: 'c?' }, { containerName: 'pod1' }],
    pod_name: [{ podName: 'pod*' }, { podName: 'c1' }],
    pod_namespace: [{ podNamespace: 'default' }, { podNamespace: 'kube-*' }],
    vm_name: [{ vmName: 'vm*' }, { vmName: 'c1' }],
    systemd_unit: [{ systemdUnit: 'openvpn@*.service' }, { systemdUnit: 'system.slice' }],
    verdict: [
      { verdict: [Verdict.VERDICT_UNKNOWN, Verdict.VERDICT_HELD] },
      { verdict: [Verdict.VERDICT_UNHELD] },
    ],
    master: [{ master: 'br*' }, { master: 'bond*' }],
    name: [{ name: 'netns/2/devices/5' }, { name: 'netns/2/devices/50' }],
  };
  for (const [field, [matches, doesNot]] of Object.entries(matching)) {
    test(`matches by ${field}`, () => {
      assert.ok(passes(subject, matches));
      assert.ok(!passes(subject, doesNot));
    });
  }

  test('matches by netns_initial, and not by the lack of it', () => {
    const elsewhere = binding(6, { in: 2 });
    assert.ok(passes(subject, { netnsInitial: true }));
    assert.ok(!passes(elsewhere, { netnsInitial: true }));
    assert.ok(passes(elsewhere, { netnsInitial: false }));
  });

  test('matches a name that is the same to the letter, whatever it would be as a glob', () => {
    const unit = 'openvpn@a\\x2db.service';
    const workload = { kind: 'systemdUnit', unit, slice: '' } as const;
    const held = binding(6, { holders: [holder(7, { workload })] });
    assert.ok(passes(held, { systemdUnit: unit }));
    assert.ok(!passes(held, { systemdUnit: 'openvpn@a\\x2dc.service' }));
  });

  test('does not take what is not known for a name', () => {
    const workload = { ...container, name: '', podName: '', podNamespace: '' };
    const held = binding(6, { holders: [holder(7, { workload })] });
    assert.ok(!passes(held, { containerName: '*' }));
    assert.ok(!passes(held, { podName: '*' }));
  });

  test('must match in all its fields, but only one filter of several must match', () => {
    assert.ok(passes(subject, { deviceName: 'vnet7', master: 'br0' }));
    assert.ok(!passes(subject, { deviceName: 'vnet7', master: 'br1' }));
    assert.ok(passes(subject, { deviceName: 'no' }, { master: 'br0' }));
    assert.ok(!passes(subject, { deviceName: 'no' }, { master: 'br1' }));
  });

  test('must match one and the same holder in all fields that are about one', () => {
    assert.ok(passes(subject, { pid: 8, uid: 107, systemdUnit: 'openvpn@a.service' }));
    assert.ok(!passes(subject, { pid: 8, comm: 'qemu*' }));
    assert.ok(!passes(subject, { vmName: 'vm1', podUid: 'pod-uid-1' }));
  });

  test('about a holder does not match a device that nobody holds', () => {
    assert.ok(!passes(binding(1), { uid: 0 }));
    assert.ok(!passes(binding(1), { comm: '*' }));
  });

  test('for a short container id matches the whole id', () => {
    const lxc = holder(7, { workload: { ...container, id: 'web' } });
    assert.ok(passes(binding(1, { holders: [lxc] }), { containerId: 'web' }));
    assert.ok(!passes(binding(1, { holders: [lxc] }), { containerId: 'we' }));
  });

  test('for a container or a pod matches a virtual machine that runs in it, too', () => {
    const names = { hypervisor: 'qemu', name: 'vm2', uuid: '' };
    const vm = holder(7, { workload: { kind: 'virtualMachine', ...names, container } });
    const held = binding(1, { holders: [vm] });
    assert.ok(passes(held, { containerId: container.id, podUid: container.podUid, vmName: 'vm2' }));
    assert.ok(!passes(held, { podUid: 'pod-uid-2' }));
  });

  test('for a netns inode past what a number holds matches none', () => {
    assert.ok(!passes(subject, { netnsInode: 0xffff_ffff_ffff_ffffn }));
  });
});

test('more filters, and more values in one, than are taken cost no look at them', () => {
  const violationsOf = (filters: readonly DeepPartial<TapBindingFilter>[]): FieldViolation[] => {
    const violations: FieldViolation[] = [];
    parseFilters(
      filters.map((filter) => TapBindingFilter.fromPartial(filter)),
      violations,
    );
    return violations;
  };
  const many = (count: number) => Array.from({ length: count }, () => ({ deviceName: '\\' }));
  assert.equal(violationsOf(many(100)).length, 100);
  const description = 'has 101 elements, more than 100';
  assert.deepEqual(violationsOf(many(101)), [{ field: 'filter', description }]);
  const verdict = Array.from({ length: 101 }, () => Verdict.VERDICT_UNSPECIFIED);
  assert.deepEqual(violationsOf([{ verdict }]), [{ field: 'filter[0].verdict', description }]);
});

test('a process id that no process can have is a mistake', () => {
  const violations: FieldViolation[] = [];
  const filter = { pid: 2 ** 31, netnsPid: 2 ** 31 };
  parseFilters([TapBindingFilter.fromPartial(filter)], violations);
  assert.deepEqual(violations.map(({ field }) => field).sort(), [
    'filter[0].netns_pid',
    'filter[0].pid',
  ]);
});
