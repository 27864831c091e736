// Two tapmaps on one host copy the same descriptors, each for a moment.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { PROBE_TITLE } from '../../src/model/process-title.js';
import { missing } from '../stage/ability.js';
import { dup } from '../stage/libc.js';
import { setStage, type OwnFd, type Stage } from '../stage/stage.js';
import { until } from '../stage/until.js';
import { bindingOf, holderPids, inspectorOn, scanned } from './inspecting.js';

const skip = missing('root', 'tun', 'netns');

/** A process that is called as probes are, and has one descriptor. */
async function startCalledProbe(
  stage: Stage,
  own: OwnFd,
  command: string,
  ...args: string[]
): Promise<number> {
  const child = spawn(command, args, { stdio: ['pipe', 'ignore', 'inherit', own.fd] });
  const closed = once(child, 'close');
  stage.atEnd(async () => {
    child.kill('SIGKILL');
    await closed;
  });
  await once(child, 'spawn');
  own.close();
  const { pid } = child;
  await until('it is called so', () =>
    readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith(PROBE_TITLE),
  );
  return pid!;
}

test('what the probe of another tapmap has open makes it no holder', { skip }, async (t) => {
  const stage = setStage(t);
  const device = stage.deviceName();
  const queue = stage.queue(device);
  // The same open file in two processes: one is a holder, the other only looks.
  const looking = stage.own(dup(queue.fd));
  await startCalledProbe(
    stage,
    looking,
    process.execPath,
    `--title=${PROBE_TITLE}`,
    '-e',
    'process.stdin.resume()',
  );
  const holder = await stage.holder([queue]);
  const binding = bindingOf(await scanned(inspectorOn()), device, stage.home);
  assert.equal(binding.verdict, 'HELD');
  assert.deepEqual(holderPids(binding), [holder.pid]);
});

test(
  'a namespace that nothing keeps but the probe of another tapmap is not one to be kept',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const { netns, keeper } = await stage.unnamedNetns();
    const device = stage.unheldDevice(netns);
    const inspector = inspectorOn();
    assert.equal(bindingOf(await scanned(inspector), device, netns).verdict, 'UNHELD');
    const looking = stage.own(openSync(netns.path, 'r'));
    const inside = ['--net=' + netns.path, process.execPath];
    const program = [`--title=${PROBE_TITLE}`, '-e', 'process.stdin.resume()'];
    await startCalledProbe(stage, looking, 'nsenter', ...inside, ...program);
    assert.equal(bindingOf(await scanned(inspector), device, netns).verdict, 'UNHELD');
    await keeper.kill();
    const { bindings, coverage } = await scanned(inspector);
    const left = bindings.filter(({ device: { name } }) => name === device);
    assert.deepEqual(left, []);
    assert.ok(!coverage.deniedNetns.some(({ inode }) => inode === netns.inode));
  },
);

test('another program that is called so is told as a holder', { skip }, async (t) => {
  const stage = setStage(t);
  const device = stage.deviceName();
  const directory = mkdtempSync(join(tmpdir(), 'tapmap-probe-'));
  stage.atEnd(() => {
    rmSync(directory, { recursive: true });
  });
  const cat = join(directory, PROBE_TITLE);
  copyFileSync('/bin/cat', cat);
  const pid = await startCalledProbe(stage, stage.queue(device), cat);
  const binding = bindingOf(await scanned(inspectorOn()), device, stage.home);
  assert.equal(binding.verdict, 'HELD');
  assert.deepEqual(holderPids(binding), [pid]);
});
