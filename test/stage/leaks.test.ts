// A check for leaks that finds nothing would make every test pass: it is shown each kind of leak.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { test } from 'node:test';
import { missing } from './ability.js';
import { run } from './command.js';
import { DEVICE_PREFIX, NETNS_PREFIX, watchForLeaks } from './leaks.js';
import { addNetns, removeNetns } from './netns.js';
import { startHolder } from './holder.js';
import { startAgent } from './agent.js';

const SHORT = 50;

test('an fd that is left open is named', async () => {
  const check = watchForLeaks(SHORT);
  const fd = openSync('/dev/null', 'r');
  await assert.rejects(check(), new RegExp(`left behind: fd ${fd} /dev/null`));
  closeSync(fd);
  await check();
});

test('a process that is left running is named', async () => {
  const check = watchForLeaks(SHORT);
  const holder = await startHolder([]);
  await assert.rejects(check(), new RegExp(`process ${holder.pid} cat`));
  await holder.kill();
  await check();
});

test('a process whose parent is gone is named', async () => {
  const check = watchForLeaks(SHORT);
  const shell = spawn('sh', ['-c', 'sleep 60 >/dev/null & echo $!'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let pid = '';
  shell.stdout.on('data', (chunk: Buffer) => (pid += chunk.toString()));
  await once(shell, 'close');
  await assert.rejects(check(), new RegExp(`process ${pid.trim()} sleep`));
  process.kill(Number(pid));
  await check();
});

test("an agent's children end with it", async () => {
  const check = watchForLeaks();
  const agent = await startAgent();
  await agent.spawn([]);
  await agent.kill();
  await check();
});

test('a device that is left is named', { skip: missing('root', 'tun', 'netns') }, async () => {
  const check = watchForLeaks(SHORT);
  const name = `${DEVICE_PREFIX}leak`;
  run('ip', 'tuntap', 'add', name, 'mode', 'tap');
  try {
    await assert.rejects(check(), new RegExp(`left behind: device ${name}`));
  } finally {
    run('ip', 'link', 'del', name);
  }
  await check();
});

test('a namespace that is left is named', { skip: missing('netns') }, async () => {
  const check = watchForLeaks(SHORT);
  const name = `${NETNS_PREFIX}leak`;
  addNetns(name);
  try {
    await assert.rejects(check(), new RegExp(`left behind: netns ${name}`));
  } finally {
    removeNetns(name);
  }
  await check();
});
