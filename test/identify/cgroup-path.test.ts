import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cgroupWorkload } from '../../src/identify/cgroup-path.js';

const unit = (name: string, slice: string) => ({ kind: 'systemdUnit', unit: name, slice }) as const;

test('a service in a slice is told as unit and slice', () => {
  assert.deepEqual(
    cgroupWorkload('/system.slice/openvpn@office.service'),
    unit('openvpn@office.service', 'system.slice'),
  );
  assert.deepEqual(
    cgroupWorkload('/system.slice/system-openvpn.slice/openvpn@a.service/inner'),
    unit('openvpn@a.service', 'system-openvpn.slice'),
  );
});

test('a name that the kernel could take for a file of its own loses its underscore', () => {
  assert.deepEqual(
    cgroupWorkload('/system.slice/_cpu.service'),
    unit('cpu.service', 'system.slice'),
  );
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
  ]) {
    assert.equal(cgroupWorkload(path), null, path);
  }
});
