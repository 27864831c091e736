// docs/first-client.md, pasted into a shell block by block: each prints what the page says that it does.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { missingTriggers } from '../scenarios/tapmap.js';
import { missing } from '../stage/ability.js';
import { DEVICE_PREFIX } from '../stage/leaks.js';
import { setStage, type Stage } from '../stage/stage.js';
import { until } from '../stage/until.js';
import { Server } from './server.js';

const CLONE = fileURLToPath(new URL('../..', import.meta.url));
const PAGE = fileURLToPath(new URL('../../docs/first-client.md', import.meta.url));

function missingRuby(): string | false {
  const commands = missing('command:ruby', 'command:grpc_tools_ruby_protoc');
  if (commands !== false) return commands;
  if (spawnSync('ruby', ['-e', 'require "grpc"']).status !== 0) return 'no ruby-grpc';
  return existsSync('/usr/include/google/protobuf/timestamp.proto') ? false : 'no libprotobuf-dev';
}

const skip = missingTriggers() || missingRuby();

interface Block {
  /** What the page says before it, from the last block on. */
  readonly prose: string;
  readonly kind: string;
  readonly text: string;
}

function blocks(page: string): Block[] {
  const found = page.matchAll(/(.*?)^```(\w+)\n(.*?)^```$/gms);
  return [...found].map(([, prose = '', kind = '', text = '']) => ({ prose, kind, text }));
}

/** The page's devices have names that other devices of the machine may have. */
const toOwnNames = (text: string): string => text.replaceAll('demo', `${DEVICE_PREFIX}demo`);
const toPageNames = (text: string): string => text.replaceAll(`${DEVICE_PREFIX}demo`, 'demo');
/** Cookies, ifindexes, inodes, pids and revisions are other ones each time. */
const withoutNumbers = (text: string): string => text.replace(/(?<!demo)\d+/g, 'N');

/** A shell that is given commands as a person gives them, in a folder of its own. */
class Shell {
  readonly #child;
  #output = '';

  constructor(stage: Stage, env: Readonly<Record<string, string>>) {
    this.#child = spawn('bash', ['-s'], {
      cwd: CLONE,
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
      // A group of its own, so that what it leaves running ends with it.
      detached: true,
    });
    const closed = once(this.#child, 'close');
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (this.#output += text));
    stage.atEnd(async () => {
      process.kill(-this.#child.pid!, 'SIGKILL');
      await closed;
    });
  }

  /** All that the commands print. */
  async paste(commands: string): Promise<string> {
    const mark = '--- done ---\n';
    this.#output = '';
    this.#child.stdin.write(`${commands}\nprintf '%s' '${mark}'\n`);
    try {
      await until('the commands are through', () => this.#output.endsWith(mark), 60_000);
    } catch (error) {
      throw new Error(`${commands}\n${this.#output}`, { cause: error });
    }
    return this.#output.slice(0, -mark.length);
  }
}

test('each command of the page prints what the page says', { skip }, async (t) => {
  const stage = setStage(t);
  const server = new Server(stage);
  await server.start();
  stage.atEnd(() => {
    spawnSync('ip', ['link', 'del', toOwnNames('demo1')]);
  });
  const shell = new Shell(stage, {
    TAPMAP_ADDRESS: `unix://${server.socket}`,
    TMPDIR: server.directory,
  });
  let output = '';
  let compared = 0;
  for (const { prose, kind, text } of blocks(readFileSync(PAGE, 'utf8'))) {
    if (prose.includes('stop the server')) await server.stop();
    if (/^Start the server again/m.test(prose)) await server.start();
    if (kind === 'console') {
      assert.equal(withoutNumbers(toPageNames(output)), withoutNumbers(text));
      compared++;
    } else if (!text.startsWith('apt-get ')) {
      output = await shell.paste(toOwnNames(text));
    }
  }
  assert.ok(compared >= 6, `${compared} blocks were compared`);
});
