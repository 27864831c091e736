import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { thisHost } from '../../src/inspect/host.js';
import { isNode } from '../../src/inspect/nodes.js';
import { NodeTrigger } from '../../src/live/node-trigger.js';
import { triggerAbilities } from '../../src/live/trigger-abilities.js';
import { missing } from '../stage/ability.js';

const skip = missing('initial-root', 'tun');

test('only device nodes are watched, whatever a container has under their names', { skip }, (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'tapmap-nodes-'));
  const host = thisHost();
  host.targets();
  const nodes = new NodeTrigger(process.pid, (major, minor) => isNode(host, major, minor));
  t.after(() => {
    nodes.close();
    rmSync(directory, { recursive: true });
  });
  const link = (target: string) => {
    const path = join(directory, target.replaceAll('/', '-'));
    symlinkSync(target, path);
    return path;
  };
  assert.equal(nodes.add('/dev/net/tun'), true);
  assert.equal(nodes.add(link('/dev/net/tun')), true);
  assert.equal(nodes.add(link('/dev/null')), false);
  assert.equal(nodes.add(link('/etc/passwd')), false);
  assert.equal(nodes.add(link('/nowhere')), false);
  assert.equal(nodes.add(directory), false);
});

test('root of the host is told of all that the kernel tells', { skip }, () => {
  assert.deepEqual(
    triggerAbilities(thisHost()).map(({ name, available }) => [name, available]),
    [
      ['rtnetlink', true],
      ['fanotify', true],
      ['process-connector', true],
      ['pidfd', true],
    ],
  );
});
