// The process behind agent.ts: obeys one JSON command a line on standard input, answers one JSON line
// each on standard output, and ends with its standard input.
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { AgentCommand, AgentReply } from './agent.js';
import { openRing, registerFile } from './io-uring.js';
import { dup, exec, setCloseOnExec, setnsNet } from './libc.js';
import { connect, listen, receiveDescriptor, sendDescriptor } from './passing.js';
import { startThread } from './thread.js';
import { attach, openTun, setPersist, setQueue } from './tun.js';

async function obey(command: AgentCommand): Promise<number | undefined> {
  switch (command.do) {
    case 'open':
      return openTun(command.node);
    case 'attach':
      attach(command.fd, command.device, command.flags);
      return undefined;
    case 'queue':
      setQueue(command.fd, command.state);
      return undefined;
    case 'persist':
      setPersist(command.fd, command.persist);
      return undefined;
    case 'close':
      closeSync(command.fd);
      return undefined;
    case 'dup':
      return dup(command.fd);
    case 'keep-on-exec':
      setCloseOnExec(command.fd, false);
      return undefined;
    case 'thread':
      return await startThread(command.unshare);
    case 'spawn': {
      // Its standard input ends with this process, if it is not another's, and `cat` with it.
      const { fds, input = 'pipe' } = command;
      const child = spawn('cat', [], { stdio: [input, 'ignore', 'inherit', ...fds] });
      return child.pid;
    }
    case 'enter': {
      const netns = openSync(command.netns, 'r');
      try {
        setnsNet(netns);
      } finally {
        closeSync(netns);
      }
      return undefined;
    }
    case 'listen':
      return listen();
    case 'connect':
      return connect(command.listening);
    case 'send':
      sendDescriptor(command.socket, command.fd);
      return undefined;
    case 'receive':
      return receiveDescriptor(command.socket);
    case 'ring':
      return openRing();
    case 'register':
      registerFile(command.ring, command.fd);
      return undefined;
    case 'exec':
      return exec(command.path, command.args);
    case 'exit':
      process.exit(command.code);
  }
}

function answer(reply: AgentReply): void {
  process.stdout.write(`${JSON.stringify(reply)}\n`);
}

// Threads stay in the network namespace in which they were started. Those of libuv are started at the first
// use: here, and not after the agent has gone elsewhere, where they would keep a namespace alive.
await stat('/');

answer({ value: process.pid });
for await (const line of createInterface({ input: process.stdin })) {
  try {
    const value = await obey(JSON.parse(line) as AgentCommand);
    answer(value === undefined ? {} : { value });
  } catch (error) {
    answer({ error: error instanceof Error ? error.message : String(error) });
  }
}
