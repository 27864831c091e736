import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { unitOfPath } from '../../src/identify/systemd-unit.js';

const unit = (name: string, slice: string) => ({ kind: 'systemdUnit', unit: name, slice }) as const;

test('a service in a slice is told as unit and slice', () => {
  assert.deepEqual(
    unitOfPath('/system.slice/openvpn@office.service'),
    unit('openvpn@office.service', 'system.slice'),
  );
  assert.deepEqual(
    unitOfPath('/system.slice/system-openvpn.slice/openvpn@a.service/inner'),
    unit('openvpn@a.service', 'system-openvpn.slice'),
  );
});

test('a name that the kernel could take for a file of its own loses its underscore', () => {
  assert.deepEqual(unitOfPath('/system.slice/_cpu.service'), unit('cpu.service', 'system.slice'));
});

test('a service outside of any slice is told without one', () => {
  assert.deepEqual(unitOfPath('/vpn.service'), unit('vpn.service', ''));
});

test('what the manager of a user started is not told as that manager', () => {
  const manager = '/user.slice/user-1000.slice/user@1000.service';
  assert.deepEqual(unitOfPath(manager), unit('user@1000.service', 'user-1000.slice'));
  for (const below of [
    'init.scope',
    'app.slice/app-firefox-1234.scope',
    'user.slice/podman-1234.scope',
    'session.slice/x.service',
  ]) {
    assert.equal(unitOfPath(`${manager}/${below}`), null, below);
  }
});

test('a container that its engine put below itself is not told as the engine', () => {
  const id = '0123456789abcdef'.repeat(4);
  for (const path of [
    `/system.slice/containerd.service/kubepods-besteffort-pod1.slice:cri-containerd:${id}`,
    `/system.slice/docker.service/docker/${id}`,
  ]) {
    assert.equal(unitOfPath(path), null, path);
  }
  const engine = '/system.slice/docker.service';
  assert.deepEqual(unitOfPath(engine), unit('docker.service', 'system.slice'));
});

test('what could be of another service manager, or of a container, is not told', () => {
  for (const path of [
    '',
    '/',
    '/user.slice/user-1000.slice/session-3.scope',
    '/user.slice/user-1000.slice/user@1000.service/app.slice/vpn.service',
    '/system.slice/docker-0123456789ab.scope/system.slice/inner.service',
    '/kubepods/burstable/pod1/0123/x.service',
    '/machine.slice/libpod-0123.scope',
    '/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-0123.scope',
    '/docker/0123',
    '/init.scope',
    // Outside of the cgroup namespace of the reader: see cgroup_namespaces(7).
    '/../system.slice/x.service',
    // The kernel's word for a group that was removed under its process.
    '/system.slice/x.service (deleted)',
    '/system.slice/systemd-nspawn@a.service/payload/system.slice/inner.service',
  ]) {
    assert.equal(unitOfPath(path), null, path);
  }
});

test('of any path at all no more is told than a service that is in it, and its slice', () => {
  const part = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 8 }),
    fc.constantFrom('a.slice', 'b.service', 'c.scope', 'd', '..', ''),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
      const path = parts.join('/');
      const workload = unitOfPath(path);
      if (workload === null) return;
      const groups = path.split('/').map((group) => group.replace(/^_/, ''));
      const at = groups.indexOf(workload.unit);
      assert.match(groups[at] ?? '', /\.service$/);
      const above = groups.slice(0, at).filter((group) => group !== '');
      assert.ok(above.every((group) => group.endsWith('.slice')));
      assert.equal(workload.slice, above.at(-1) ?? '');
    }),
  );
});
