// Containers, told from control groups and the state directories of their engines.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Workload } from '../../src/model/holder.js';
import {
  bare,
  BESTEFFORT,
  BURSTABLE,
  FixtureHost,
  ID,
  named,
  ofPod,
  OTHER,
  UID,
  UID_IN_SLICE,
} from './host.js';

const USER = '/user.slice/user-1000.slice/user@1000.service';
const unit = (name: string, slice: string): Workload => ({
  kind: 'systemdUnit',
  unit: name,
  slice,
});

type Case = [says: string, cgroup: string, workload: Workload | null];

function specify(fixture: string, cases: readonly Case[]): void {
  const host = new FixtureHost(fixture);
  for (const [says, cgroup, workload] of cases) {
    it(says, () => {
      assert.deepEqual(host.workload(cgroup), workload);
    });
  }
}

describe('Docker', () => {
  specify('docker', [
    ['names its containers', `/system.slice/docker-${ID}.scope`, named('docker', ID, 'web')],
    ['names them with its own control groups', `/docker/${ID}`, named('docker', ID, 'web')],
    [
      'names the pod of a container',
      `${BURSTABLE}/docker-${OTHER}.scope`,
      ofPod('docker', OTHER, 'router'),
    ],
    [
      'is known by its state where the path tells no engine',
      `/kubepods/pod${UID}/${OTHER}`,
      ofPod('docker', OTHER, 'router'),
    ],
    [
      'is not believed about a container of another pod',
      `/kubepods/pod${UID.replace('6', '7')}/${OTHER}`,
      bare('', OTHER, UID.replace('6', '7')),
    ],
    ['may keep its state elsewhere', `/docker/${'ab'.repeat(32)}`, bare('docker', 'ab'.repeat(32))],
    [
      "may run as a user's",
      `${USER}/user.slice/docker-${'ab'.repeat(32)}.scope`,
      bare('docker', 'ab'.repeat(32)),
    ],
    [
      "is not meant by a user's group of the id of one of its containers",
      `${USER}/docker-${ID}.scope`,
      null,
    ],
    [
      'in a container is of that container',
      `/docker/${ID}/docker/${'ab'.repeat(32)}`,
      named('docker', ID, 'web'),
    ],
    [
      'is not meant by a group of its id that a container made',
      `/docker/${ID}/docker-${OTHER}.scope`,
      named('docker', ID, 'web'),
    ],
    [
      'is no container itself',
      '/system.slice/docker.service',
      unit('docker.service', 'system.slice'),
    ],
  ]);
});

describe('containerd', () => {
  specify('containerd', [
    [
      'names container and pod',
      `${BURSTABLE}/cri-containerd-${ID}.scope`,
      ofPod('containerd', ID, 'router'),
    ],
    [
      "names them where its driver and the kubelet's differ",
      `/system.slice/containerd.service/kubepods-burstable-pod${UID_IN_SLICE}.slice:cri-containerd:${ID}`,
      ofPod('containerd', ID, 'router'),
    ],
    [
      'names a pod of which the sandbox is',
      `/kubepods/besteffort/pod${UID}/${OTHER}`,
      ofPod('containerd', OTHER, ''),
    ],
    [
      'is not believed about a container that it put elsewhere',
      `/kubepods/burstable/pod${UID}/${OTHER}`,
      bare('', OTHER, UID),
    ],
    [
      "is Docker's in the namespace of Docker",
      `/kubepods/pod${UID}/${'cc'.repeat(32)}`,
      bare('docker', 'cc'.repeat(32), UID),
    ],
    [
      'has no names for what it does not know',
      `${BURSTABLE}/cri-containerd-${'ab'.repeat(32)}.scope`,
      bare('containerd', 'ab'.repeat(32), UID),
    ],
    [
      'names the containers of nerdctl',
      `/system.slice/nerdctl-${'aa'.repeat(32)}.scope`,
      named('containerd', 'aa'.repeat(32), 'gateway'),
    ],
    [
      'is known by its state at the place that its clients choose',
      '/idtns/web',
      bare('containerd', 'web'),
    ],
    [
      'is known there to what the container made below it',
      '/idtns/web/inner',
      bare('containerd', 'web'),
    ],
    ['is not meant by a path of that form alone', '/idtns/db', null],
    ['is not meant by the place of a container that it put elsewhere', '/idtns/elsewhere', null],
    ['is not meant by a place of that name further down', '/vpn/idtns/web', null],
    [
      "is not meant by a user's group of the id of one of its containers",
      `${USER}/user.slice/nerdctl-${ID}.scope`,
      null,
    ],
  ]);
});

describe('CRI-O', () => {
  specify('cri-o', [
    ['names container and pod', `${BESTEFFORT}/crio-${ID}.scope`, ofPod('cri-o', ID, 'router')],
    [
      'names them below the scope',
      `${BESTEFFORT}/crio-${ID}.scope/container`,
      ofPod('cri-o', ID, 'router'),
    ],
    [
      'names the pod of an infra container',
      `${BESTEFFORT}/crio-${OTHER}.scope`,
      ofPod('cri-o', OTHER, ''),
    ],
    [
      'names them with its own control groups',
      `/kubepods/besteffort/pod${UID}/crio-${ID}`,
      ofPod('cri-o', ID, 'router'),
    ],
    ['is no container where it watches one', `${BESTEFFORT}/crio-conmon-${ID}.scope`, null],
    ['is not in the pod where nothing tells which container', BESTEFFORT, null],
  ]);
});

describe('Podman', () => {
  const quadlet = '/system.slice/gateway.service';
  specify('podman', [
    [
      'names its containers',
      `/machine.slice/libpod-${ID}.scope/container`,
      named('podman', ID, 'web'),
    ],
    [
      'names those that go with their process',
      `/machine.slice/libpod-${OTHER}.scope`,
      named('podman', OTHER, 'gateway'),
    ],
    [
      'has no name for one without',
      `/libpod_parent/libpod-${'bb'.repeat(32)}`,
      bare('podman', 'bb'.repeat(32)),
    ],
    [
      'says that a container is in a service',
      `${quadlet}/libpod-payload-${OTHER}`,
      named('podman', OTHER, 'gateway'),
    ],
    [
      'is not meant by another service that says so',
      `/system.slice/evil.service/libpod-payload-${OTHER}`,
      null,
    ],
    [
      'is a service beside the container that it is in',
      `${quadlet}/runtime`,
      unit('gateway.service', 'system.slice'),
    ],
    [
      'may run as a user',
      `${USER}/user.slice/libpod-${'ab'.repeat(32)}.scope/container`,
      bare('podman', 'ab'.repeat(32)),
    ],
    [
      "may run as a user's service",
      `${USER}/app.slice/web.service/libpod-payload-${'ab'.repeat(32)}`,
      bare('podman', 'ab'.repeat(32)),
    ],
    [
      "is not meant by a user's group of the id of one of its containers",
      `${USER}/libpod-${ID}.scope`,
      null,
    ],
    [
      "has no pod of Kubernetes in a user's hands",
      `${USER}/kubepods.slice/kubepods-pod${UID_IN_SLICE}.slice/libpod-${'ab'.repeat(32)}.scope`,
      bare('podman', 'ab'.repeat(32)),
    ],
    ['is no container where it watches one', `/machine.slice/libpod-conmon-${ID}.scope`, null],
  ]);
});

describe('runc and crun without an engine', () => {
  const v1 = (path: string) =>
    `9:name=systemd:${path}\n4:memory:${path}\n1:cpu,cpuacct:${path}\n0::/\n`;
  specify('runc', [
    [
      'are known by the control group of their state',
      '/system.slice/runc-unified.scope',
      bare('runc', 'unified'),
    ],
    [
      'are known in what the container made below it',
      '/system.slice/runc-unified.scope/x',
      bare('runc', 'unified'),
    ],
    ['are known in the hierarchies of cgroup v1', v1('/vpn/hybrid'), bare('runc', 'hybrid')],
    [
      'are known where only some hierarchies tell',
      '9:name=systemd:/\n4:memory:/vpn/hybrid\n0::/\n',
      bare('runc', 'hybrid'),
    ],
    ['are not meant in a hierarchy that is not theirs', '2:hugetlb:/vpn/hybrid\n0::/\n', null],
    ['are not meant by a group that begins alike', '/vpn/hybrid2', null],
    ['are not meant by a group above', '/vpn', null],
    ['are not meant when the container has ended', '/ended', null],
    ['are not meant by a file of another id', '/other', null],
    ['are known by crun', '/plain', bare('crun', 'plain')],
    [
      "are known by crun in systemd's scopes",
      '/system.slice/crun-scoped.scope/container',
      bare('crun', 'scoped'),
    ],
    ['are not meant elsewhere', '/system.slice/vpn.service', unit('vpn.service', 'system.slice')],
  ]);
});

describe('LXC, LXD and Incus', () => {
  specify('lxc', [
    [
      'are known by state and control group',
      '/lxc.payload.web/init.scope',
      named('lxc', 'web', 'web'),
    ],
    [
      'are known where the state is not to be had',
      '/lxc.payload.unknown',
      named('lxc', 'unknown', 'unknown'),
    ],
    ['are known by the groups of LXC 3', '/lxc.payload/web', named('lxc', 'web', 'web')],
    [
      'are known by the groups of cgroup v1',
      '9:name=systemd:/lxc/101\n4:memory:/lxc/101\n0::/\n',
      named('lxc', '101', '101'),
    ],
    [
      'are known by the groups of Proxmox VE',
      '/lxc/101/ns/system.slice/vpn.service',
      named('lxc', '101', '101'),
    ],
    [
      'are known by a name that ends like that of a second group',
      '/lxc.payload.db-7',
      named('lxc', 'db-7', 'db-7'),
    ],
    ['are not meant where it may be a second group of another', '/lxc.payload.web-1', null],
    ['are not meant by a second group', '/lxc.payload.unknown-1', null],
    ['are not meant by a group of the old form without state', '/lxc/unknown', null],
    ['are not meant by the one that watches', '/lxc.monitor.web', null],
    ['are not meant below a user', `${USER}/app.slice/run-1.scope/lxc.payload.web`, null],
    ['are known as Incus', '/lxc.payload.gateway', named('incus', 'gateway', 'gateway')],
    [
      'are known as Incus, in a project',
      '/lxc.payload.shop_cart',
      named('incus', 'shop_cart', 'cart'),
    ],
    ['are known as LXD', '/lxc.payload.vpn', named('lxd', 'vpn', 'vpn')],
    ['are not told apart where two have the name', '/lxc.payload.both', null],
    [
      'are told for a container of Docker in them',
      `/lxc.payload.web/system.slice/docker-${ID}.scope`,
      named('lxc', 'web', 'web'),
    ],
  ]);
});

describe('systemd-nspawn', () => {
  const box = named('systemd-nspawn', 'my-box', 'my-box');
  specify('nspawn', [
    ['is known in a scope', '/machine.slice/machine-my\\x2dbox.scope/payload/init.scope', box],
    [
      'is known in a scope of cgroup v1',
      '1:name=systemd:/machine.slice/machine-my\\x2dbox.scope/init.scope\n',
      box,
    ],
    [
      'is known in a service',
      '/machine.slice/systemd-nspawn@web.service/payload/system.slice/x.service',
      named('systemd-nspawn', 'web', 'web'),
    ],
    ['is itself beside its container', '/machine.slice/machine-my\\x2dbox.scope/supervisor', null],
    [
      'is a service beside its container',
      '/machine.slice/systemd-nspawn@web.service/supervisor',
      unit('systemd-nspawn@web.service', 'machine.slice'),
    ],
    ['is not meant by a machine that is a virtual one', '/machine.slice/machine-vm.scope', null],
    ["is not meant by libvirt's", '/machine.slice/machine-qemu\\x2d1\\x2dvm1.scope', null],
    ['is not meant by a machine of another unit', '/machine.slice/machine-moved.scope', null],
    ['is not meant by one that is not registered', '/machine.slice/machine-none.scope', null],
    ['is not meant below a user', `${USER}/machine-my\\x2dbox.scope`, null],
  ]);
});

describe('hierarchies that differ', () => {
  const [a, b] = ['aa'.repeat(32), 'bb'.repeat(32)];
  const engine = '0::/system.slice/containerd.service\n';
  specify('docker', [
    [
      'tell the container, where the engine left the unified one to its own service',
      `4:memory:/docker/${ID}\n1:name=systemd:/docker/${ID}\n${engine}`,
      named('docker', ID, 'web'),
    ],
    [
      'tell the container that only one controller tells',
      `4:memory:/docker/${ID}\n1:name=systemd:/\n0::/\n`,
      named('docker', ID, 'web'),
    ],
    [
      'tell nothing when they tell two containers',
      `4:memory:/docker/${a}\n1:name=systemd:/docker/${b}\n0::/\n`,
      null,
    ],
    [
      'tell nothing when they tell two units',
      '1:name=systemd:/system.slice/a.service\n0::/system.slice/b.service\n',
      null,
    ],
    [
      'tell a unit only where both that systemd keeps agree',
      `1:name=systemd:/default/redis\n${engine}`,
      null,
    ],
    [
      'tell the unit that both tell',
      '1:name=systemd:/system.slice/a.service\n0::/system.slice/a.service\n',
      unit('a.service', 'system.slice'),
    ],
    ['tell nothing at their roots', '4:memory:/\n1:name=systemd:/\n0::/\n', null],
    ['tell nothing where there are none', '\n', null],
  ]);
});
