import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { containerGroups } from '../../src/identify/container-group.js';

const ID = '0123456789abcdef'.repeat(4);
const OTHER = 'fedcba9876543210'.repeat(4);
const UID = '6f1c0b1e-6b4e-4b43-9f43-2b1f0d0c9a11';
const UID_IN_SLICE = UID.replaceAll('-', '_');
const USER = '/user.slice/user-1000.slice/user@1000.service';

/** Runtime, id and pod of the innermost, and who named it. */
function innermost(path: string): unknown {
  const [found] = containerGroups(path);
  return found && [found.runtime, found.id, found.podUid, found.namedBy];
}

describe('the path of a control group', () => {
  const pod = `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${UID_IN_SLICE}.slice`;
  const told: [
    path: string,
    runtime: string,
    podUid: string,
    namedBy: 'host' | 'user' | 'other',
  ][] = [
    [`/docker/${ID}`, 'docker', '', 'host'],
    [`/docker/${ID}/init.scope`, 'docker', '', 'host'],
    [`/system.slice/docker-${ID}.scope`, 'docker', '', 'host'],
    [`/system.slice/docker.service/docker/${ID}`, 'docker', '', 'host'],
    [`/ecstasks.slice/ecstasks-1f.slice/docker-${ID}.scope`, 'docker', '', 'host'],
    [`${USER}/user.slice/docker-${ID}.scope`, 'docker', '', 'user'],
    [`${pod}/cri-containerd-${ID}.scope`, 'containerd', UID, 'host'],
    [`${pod}/docker-${ID}.scope`, 'docker', UID, 'host'],
    [`${pod}/crio-${ID}.scope`, 'cri-o', UID, 'host'],
    [`${pod}/crio-${ID}.scope/container`, 'cri-o', UID, 'host'],
    [
      `/kubepods.slice/kubepods-pod${UID_IN_SLICE}.slice/cri-containerd-${ID}.scope`,
      'containerd',
      UID,
      'host',
    ],
    [`/kubepods/besteffort/pod${UID}/${ID}`, '', UID, 'host'],
    [`/kubepods/pod${UID}/${ID}`, '', UID, 'host'],
    [`/kubepods/burstable/pod${'0f'.repeat(16)}/crio-${ID}`, 'cri-o', '0f'.repeat(16), 'host'],
    [
      `/system.slice/containerd.service/kubepods-besteffort-pod${UID_IN_SLICE}.slice:cri-containerd:${ID}`,
      'containerd',
      UID,
      'host',
    ],
    [
      `/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod${UID_IN_SLICE}.slice/cri-containerd-${ID}.scope`,
      'containerd',
      UID,
      'host',
    ],
    [`/system.slice/nerdctl-${ID}.scope`, 'containerd', '', 'host'],
    [`/machine.slice/libpod-${ID}.scope/container`, 'podman', '', 'host'],
    [`/machine.slice/machine-libpod_pod_${OTHER}.slice/libpod-${ID}.scope`, 'podman', '', 'host'],
    [`/libpod_parent/libpod-${ID}`, 'podman', '', 'host'],
    [`${USER}/user.slice/libpod-${ID}.scope/container`, 'podman', '', 'user'],
    [`/system.slice/web.service/libpod-payload-${ID}`, 'podman', '', 'other'],
    [`/docker/${OTHER}/docker/${ID}`, 'docker', '', 'other'],
    [
      `/docker/${OTHER}/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod${UID_IN_SLICE}.slice/cri-containerd-${ID}.scope`,
      'containerd',
      UID,
      'other',
    ],
  ];
  for (const [path, runtime, podUid, namedBy] of told) {
    it(`${path} is of a container`, () => {
      assert.deepEqual(innermost(path), [runtime, ID, podUid, namedBy]);
    });
  }

  const notTold = [
    '',
    '/',
    `docker/${ID}`,
    `/docker/${ID.slice(1)}`,
    `/docker/${ID}0`,
    `/docker/${ID.toUpperCase()}`,
    `/${ID}`,
    `/foo/${ID}`,
    `/default/redis`,
    `/buildkit/${ID}`,
    `/docker-${ID}`,
    `/system.slice/docker-${ID}.service`,
    `/system.slice/var-lib-docker-containers-${ID}-mounts-shm.mount`,
    `/pod${UID}/${ID}`,
    `/besteffort/pod${UID}/${ID}`,
    // What watches over a container, and is in none.
    `/machine.slice/libpod-conmon-${ID}.scope`,
    `${pod}/crio-conmon-${ID}.scope`,
    `/kubepods/burstable/pod${UID}/crio-conmon-${ID}`,
    pod,
    // In a control group namespace above ours; removed under its process.
    `/../docker/${ID}`,
    `/docker/${ID} (deleted)`,
    `//docker/${ID}`,
  ];
  for (const path of notTold) {
    it(`${path || 'that is empty'} is of none`, () => {
      assert.deepEqual(containerGroups(path), []);
    });
  }

  it('tells all containers along it, the innermost first', () => {
    const path = `/docker/${OTHER}/docker/${ID}/x`;
    assert.deepEqual(
      containerGroups(path).map(({ id, path }) => [id, path]),
      [
        [ID, `/docker/${OTHER}/docker/${ID}`],
        [OTHER, `/docker/${OTHER}`],
      ],
    );
  });

  it('tells a pod whose uid is of an unknown form without its uid', () => {
    assert.deepEqual(innermost(`/kubepods/podx-1/crio-${ID}`), ['cri-o', ID, '', 'other']);
    assert.deepEqual(innermost(`/kubepods.slice/kubepods-podx.slice/crio-${ID}.scope`), [
      'cri-o',
      ID,
      '',
      'host',
    ]);
  });

  it('never tells an id or a pod that is not in it', () => {
    const group = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 12 }),
      fc.constantFrom(
        ID,
        OTHER,
        'docker',
        'kubepods',
        'besteffort',
        `pod${UID}`,
        `pod${UID_IN_SLICE}`,
      ),
      fc.constantFrom(
        'kubepods.slice',
        `kubepods-pod${UID_IN_SLICE}.slice`,
        'user@1000.service',
        '..',
      ),
      fc
        .constantFrom('docker', 'crio', 'crio-conmon', 'libpod', 'x')
        .map((name) => `${name}-${ID}.scope`),
    );
    fc.assert(
      fc.property(fc.array(group, { maxLength: 6 }), (groups) => {
        const path = `/${groups.join('/')}`;
        for (const found of containerGroups(path)) {
          assert.ok(path === found.path || path.startsWith(`${found.path}/`));
          assert.match(found.id, /^[0-9a-f]{64}$/);
          assert.ok(found.path.includes(found.id));
          assert.ok(!found.path.slice(found.path.lastIndexOf('/')).includes('conmon'));
          assert.ok(found.path.replaceAll('_', '-').includes(found.podUid));
        }
      }),
    );
  });
});
