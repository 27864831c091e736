// Virtual machines, told from executables and command lines, and from what libvirt keeps.
import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import fc from 'fast-check';
import { crosvmMachine } from '../../src/identify/hypervisors.js';
import type { Workload } from '../../src/model/holder.js';
import { bare, BESTEFFORT, FixtureHost, ID, ofPod } from './host.js';

const UUID = '6f1c0b1e-6b4e-4b43-9f43-2b1f0d0c9a11';

function vm(hypervisor: string, name = '', uuid = '', container: Workload | null = null): Workload {
  assert.ok(container?.kind !== 'virtualMachine' && container?.kind !== 'systemdUnit');
  return { kind: 'virtualMachine', hypervisor, name, uuid, container };
}

const nowhere = new FixtureHost('users');

/** On a host that keeps no state. */
function told(executable: string, ...args: string[]): Workload | null {
  return nowhere.workload('/', { executable, commandLine: [executable, ...args] });
}

describe('a virtual machine by its executable', () => {
  const qemu = ['-name', 'guest=web,debug-threads=on', '-uuid', UUID];
  for (const executable of [
    '/usr/bin/qemu-system-x86_64',
    '/usr/bin/qemu-system-aarch64',
    '/usr/libexec/qemu-kvm',
    '/opt/kata/bin/qemu-system-x86_64-tdx-experimental',
    '/nix/store/q4f-qemu-8.1.3/bin/.qemu-system-x86_64-wrapped',
    '/usr/bin/qemu-system-x86_64 (deleted)',
  ]) {
    it(`${executable} is QEMU's`, () => {
      assert.deepEqual(told(executable, ...qemu), vm('qemu', 'web', UUID));
    });
  }

  it('is none by what an argument, a directory, or a name that begins alike says', () => {
    for (const executable of [
      '',
      '/bin/sh',
      '/usr/bin/qemu-system-x86_64/sh',
      '/usr/bin/qemu-img',
      '/usr/bin/qemu-x86_64',
      '/usr/bin/my-qemu-kvm',
      '/usr/bin/firecracker-containerd',
      '/usr/bin/firecrackers',
      '/usr/bin/crosvm-tool',
    ]) {
      assert.equal(told(executable, '/usr/bin/qemu-system-x86_64', ...qemu), null, executable);
    }
  });

  it('has no name in a command line that is cut: what is missing may say otherwise', () => {
    assert.deepEqual(told('/usr/bin/qemu-kvm', ...qemu, '-device', 'virtio…'), vm('qemu'));
  });

  it('has no name in one that was overwritten', () => {
    assert.deepEqual(
      nowhere.workload('/', { executable: '/usr/bin/qemu-kvm', commandLine: [] }),
      vm('qemu'),
    );
  });
});

describe("Cloud Hypervisor's machine", () => {
  const ch = (...args: string[]) => told('/usr/bin/cloud-hypervisor', ...args);
  const uuids: [args: string[], uuid: string][] = [
    [['--platform', `num_pci_segments=1,uuid=${UUID}`], UUID],
    [[`--platform=serial_number=x,uuid=${UUID.toUpperCase()},oem_strings=[a,b]`], UUID],
    [['--platform', `system_uuid=${UUID}`], UUID],
    [['--platform', `oem_strings=[a,uuid=${UUID}]`], ''],
    [['--platform', `serial_number="a,uuid=${UUID}"`], ''],
    [['--platform', `uuid=${UUID},uuid=${UUID}`], ''],
    [['--platform', 'uuid=x'], ''],
    [['--platform', `uuid=${UUID}`, '--platform', `uuid=${UUID}`], ''],
    [['--platform'], ''],
    [['--net', `tap=tap0,uuid=${UUID}`], ''],
    [['--api-socket', '/run/ch.sock'], ''],
  ];
  for (const [args, uuid] of uuids) {
    it(`${args.join(' ')} has ${uuid === '' ? 'no UUID' : 'its UUID'}, and no name`, () => {
      assert.deepEqual(ch(...args), vm('cloud-hypervisor', '', uuid));
    });
  }

  it('is known by its other builds', () => {
    for (const name of [
      'cloud-hypervisor-static',
      'cloud-hypervisor-static-aarch64',
      'cloud-hypervisor-v38.0',
    ]) {
      assert.deepEqual(told(`/opt/${name}`), vm('cloud-hypervisor'));
    }
  });
});

describe("Firecracker's machine", () => {
  const names: [args: string[], name: string][] = [
    [['--id', 'vm-1', '--api-sock', '/run/fc.sock'], 'vm-1'],
    [['--id=vm-1', '--seccomp-level=2'], 'vm-1'],
    [['--api-sock', '/run/fc.sock'], ''],
    [['--id'], ''],
    [['--id', 'a', '--id', 'b'], ''],
    [['--no-api', '--', '--id', 'a'], ''],
    [['--identity', 'a'], ''],
  ];
  for (const [args, name] of names) {
    it(`${args.join(' ')} has ${name === '' ? 'no name' : 'its id for a name'}`, () => {
      assert.deepEqual(told('/usr/bin/firecracker', ...args), vm('firecracker', name));
    });
  }

  it('is known in its jail, and by the name of a release', () => {
    const args = ['--id', '551e7604', '--start-time-us', '1', '--start-time-cpu-us', '2'];
    for (const executable of [
      '/firecracker',
      '/srv/jailer/firecracker-v1.7.0-x86_64/a/root/firecracker-v1.7.0-x86_64',
    ]) {
      assert.deepEqual(told(executable, ...args), vm('firecracker', '551e7604'));
    }
  });
});

describe("crosvm's machine", () => {
  const crosvm = (...args: string[]) => told('/usr/bin/crosvm', ...args);
  it('has the name that it was given', () => {
    assert.deepEqual(
      crosvm('run', '--disable-sandbox', '--name', 'vm1', 'vmlinux'),
      vm('crosvm', 'vm1'),
    );
    assert.deepEqual(crosvm('--log-level', 'debug', 'run', '--name=vm1'), vm('crosvm', 'vm1'));
    assert.deepEqual(crosvm('run', 'vmlinux'), vm('crosvm'));
  });

  it('is none in its other commands', () => {
    assert.equal(crosvm('device', 'net', '--name', 'x'), null);
    assert.equal(crosvm(), null);
  });
});

test('a hypervisor in a container is told with that container', () => {
  const host = new FixtureHost('cri-o');
  const process = {
    executable: '/usr/libexec/qemu-kvm',
    commandLine: [
      '/usr/libexec/qemu-kvm',
      '-name',
      'guest=shop_vm1,debug-threads=on',
      '-uuid',
      UUID,
    ],
  };
  // KubeVirt's virt-launcher.
  assert.deepEqual(
    host.workload(`${BESTEFFORT}/crio-${ID}.scope`, process),
    vm('qemu', 'shop_vm1', UUID, ofPod('cri-o', ID, 'router')),
  );
  assert.deepEqual(
    host.workload(`/docker/${ID}`, process),
    vm('qemu', 'shop_vm1', UUID, bare('docker', ID)),
  );
  assert.deepEqual(
    host.workload('/system.slice/vm.service', process),
    vm('qemu', 'shop_vm1', UUID),
  );
});

describe('libvirt', () => {
  const host = new FixtureHost('libvirt');
  const uuid = (n: number) => `6f1c0b1e-6b4e-4b43-9f43-2b1f0d0c9a1${n}`;
  const scope = (name: string) => `/machine.slice/machine-qemu\\x2d${name}.scope`;
  const cases: [says: string, path: string, workload: Workload | null][] = [
    [
      'tells the machine of what it started',
      `${scope('1\\x2dvm1')}/libvirt/emulator`,
      vm('qemu', 'vm1', uuid(1)),
    ],
    [
      'tells it without machined',
      '/machine/qemu-1-vm1.libvirt-qemu/emulator',
      vm('qemu', 'vm1', uuid(1)),
    ],
    [
      'tells the name, and not what a group may be called',
      scope('2\\x2dmyvmco'),
      vm('qemu', 'my_vm & co', uuid(2)),
    ],
    [
      'tells two apart whose groups are called alike: the first',
      scope('3\\x2dweb1'),
      vm('qemu', 'web_1', uuid(3)),
    ],
    [
      'tells two apart whose groups are called alike: the second',
      scope('4\\x2dweb1'),
      vm('qemu', 'web1', uuid(4)),
    ],
    [
      'tells a machine of Cloud Hypervisor',
      '/machine.slice/machine-ch\\x2d6\\x2dcloud.scope',
      vm('cloud-hypervisor', 'cloud', uuid(6)),
    ],
    ['has no word for a machine that was started anew', scope('8\\x2dold'), null],
    ['has no word for one that it does not know', scope('1\\x2dvm2'), null],
    ['has no word for a file that is broken', scope('1\\x2dbroken'), null],
    [
      'has no word for a group of its form elsewhere',
      '/user.slice/user-1000.slice/user@1000.service/machine-qemu\\x2d1\\x2dvm1.scope',
      null,
    ],
    [
      'has no word for a container of that group',
      `/docker/${ID}/machine/qemu-1-vm1.libvirt-qemu`,
      bare('docker', ID),
    ],
  ];
  for (const [says, path, workload] of cases) {
    it(says, () => {
      assert.deepEqual(host.workload(path), workload);
    });
  }

  it('goes before what the command line says', () => {
    const process = {
      executable: '/usr/bin/qemu-kvm',
      commandLine: ['qemu-kvm', '-name', 'other'],
    };
    assert.deepEqual(host.workload(scope('1\\x2dvm1'), process), vm('qemu', 'vm1', uuid(1)));
  });

  it('does not make a machine of one hypervisor that of another', () => {
    const process = {
      executable: '/usr/bin/firecracker',
      commandLine: ['firecracker', '--id', 'a'],
    };
    assert.deepEqual(host.workload(scope('1\\x2dvm1'), process), vm('firecracker', 'a'));
  });
});

test('command lines of any form never fail, nor tell a name that is not in them', () => {
  const word = fc.oneof(
    fc.string({ maxLength: 12 }),
    fc.constantFrom(
      'run',
      '--',
      '--id',
      '--id=a',
      '--name',
      '--platform',
      `uuid=${UUID}`,
      '-name',
      '-uuid',
      '[',
      '"',
    ),
  );
  const executable = fc.oneof(
    fc.string({ maxLength: 12 }),
    fc.constantFrom(
      '/qemu-kvm',
      '/a/firecracker',
      '/cloud-hypervisor',
      '/crosvm',
      '/crosvm (deleted)',
    ),
  );
  fc.assert(
    fc.property(executable, fc.array(word, { maxLength: 8 }), (executable, args) => {
      const workload = told(executable, ...args);
      if (workload?.kind !== 'virtualMachine') return;
      const text = args.join(' ').replaceAll(',,', ',');
      assert.ok(text.includes(workload.name.replaceAll(',,', ',')));
      assert.ok(workload.uuid === '' || workload.uuid === UUID);
      assert.ok(workload.hypervisor !== 'crosvm' || crosvmMachine(args) !== null);
    }),
  );
});
