// A probe that sees what a file tells it to see, and misbehaves when that says so. Its arguments:
// the file, then what the supervisor passes on.
import { readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { encodeFrame, FrameReader } from '../../src/channel/frame.js';
import { parseFromServer } from '../../src/channel/message.js';
import { EFFORT, observation } from '../server/observation.js';
import type { Script } from './script.js';

process.title = 'tapmap probe';
for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);

const file = process.argv[2]!;
const channel = new Socket({ fd: 3 });
const reader = new FrameReader();
let told = '';

function end(): void {
  process.exit(0);
}

process.stdin.on('end', end).resume();
channel.on('close', end).on('error', end);
channel.on('data', (chunk) => {
  for (const json of reader.push(chunk)) {
    const message = parseFromServer(json);
    if (message.type === 'begin') begin();
    else observe([message.id]);
  }
});

function script(): Script {
  return JSON.parse(readFileSync(file, 'utf8')) as Script;
}

function begin(): void {
  const { mode } = script();
  switch (mode) {
    case 'silent':
      return;
    case 'crash':
      process.kill(process.pid, 'SIGKILL');
      return;
    case 'garbage':
      channel.write('HTTP/1.1 400 Bad Request\r\n\r\n');
      return;
    case 'half':
      channel.write(frame([]).subarray(0, 40), () => {
        process.kill(process.pid, 'SIGKILL');
      });
      return;
    case 'normal':
      observe([]);
      setInterval(() => channel.write(encodeFrame({ type: 'alive', effort: EFFORT })), 1000);
      setInterval(() => {
        if (JSON.stringify(script().devices) !== told) observe([]);
      }, 10);
  }
}

function frame(answers: readonly number[]): Buffer {
  const { devices } = script();
  told = JSON.stringify(devices);
  return encodeFrame({
    type: 'observation',
    observation: observation(devices, Date.now()),
    answers,
  });
}

function observe(answers: readonly number[]): void {
  channel.write(frame(answers));
}
