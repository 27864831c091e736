// README.md as a new user follows it: each shell line is run, in its order, with the server started as it says.
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { missing } from '../stage/ability.js';
import { watchForLeaks } from '../stage/leaks.js';
import { blocksOf, commandsOf, type Block } from './page.js';
import { Session } from './session.js';

const CLONE = fileURLToPath(new URL('../..', import.meta.url));
const pageBlocks = (name: string): Block[] =>
  blocksOf(name, readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8'));

const skip = missing(
  'initial-root',
  'tun',
  'netns',
  'command:python3',
  'command:jq',
  'command:grpcurl',
);

/** What a new line in README.md may call without being looked at here first. */
const KNOWN = [
  /^(?:ip|kill|sleep|grpcurl) /,
  /^python3 -c /,
  /^(?:resource=\$\()?npx tapmap (?:list|who) /,
  /^npx buf curl /,
];
const ENDLESS = /\/WatchTapBindings\b|\btapmap watch\b/;

/** What the commands of a block come to besides ending well. */
const EXPECTED: readonly { readonly of: RegExp; readonly output: RegExp }[] = [
  { of: /^npx tapmap list\nnpx tapmap who \$!/, output: /tap123.*\n[^]*holds.* tap123 in fooz/ },
  { of: /^grpcurl .*\/ListTapBindings$/, output: /"name": ?"tapleaked0"[^]*"resumeToken": "/ },
  { of: /"device_name": "tap\*"/, output: /"name": ?"tapleaked0"/ },
  { of: /^npx buf curl .*\n.*\/ListTapBindings$/, output: /"name": ?"tapleaked0"/ },
  { of: /--verdict unheld \| cut -f 1,2/, output: /^\S+\ttapleaked0$/m },
  // Nothing is old enough, and nobody has held it.
  { of: /--argjson age 600/, output: /^$/ },
  { of: /del orphan0 mode tap\nip netns del pen/, output: /orphan0/ },
  { of: /^grpcurl .*"fresh": true/, output: /^(?![^]*"bindings")[^]*"summary"/ },
];

/** Pids, inodes and ifindexes are other ones each time. */
const withoutNumbers = (text: string): string => text.replaceAll(/(?<![a-z\d])\d+/g, 'N');
/** `ip tuntap add` holds what it makes for a moment, in which it may be seen. */
const withoutMaker = (text: string): string =>
  text.replaceAll(/; the last to hold it was process \d+ \(ip, [^)]*\), until [^ ]*Z\./g, '.');

/** Each line of `expected` is in `output`, in that order. */
function assertShape(output: string, expected: string, where: string): void {
  const lines = withoutNumbers(withoutMaker(output)).split('\n');
  let from = 0;
  for (const line of withoutNumbers(expected).trimEnd().split('\n')) {
    const at = lines.indexOf(line, from);
    assert.ok(at >= 0, `${where}: no line like ${line} in\n${output}`);
    from = at + 1;
  }
}

class Reader {
  readonly #session: Session;
  #server: ChildProcess | null = null;
  #output = '';
  #expectations = 0;

  constructor(session: Session) {
    this.#session = session;
  }

  get expectations(): number {
    return this.#expectations;
  }

  async read({ kind, text, where }: Block): Promise<void> {
    if (kind === 'console') await this.#compare(text, where);
    if (kind !== 'sh') return;
    if (text.startsWith('npm start')) await this.#serve(text, where);
    else if (ENDLESS.test(text)) await this.#watch(text, where);
    else await this.#run(text, where);
  }

  /** `npm test` is what runs this. */
  async #serve(text: string, where: string): Promise<void> {
    const [start = '', ...others] = commandsOf(text);
    assert.deepEqual(
      others.map((command) => command.replace(/ *#.*/, '')),
      ['npm test'],
      where,
    );
    const { child } = await this.#session.beside(
      start,
      /^tapmap serves on unix:\/\/\/run\/tapmap\/tapmap\.sock[^]*tapmap list/m,
    );
    this.#server = child;
  }

  async stop(): Promise<void> {
    await this.#session.interrupt(this.#server!);
  }

  async #watch(text: string, where: string): Promise<void> {
    assert.equal(commandsOf(text).length, 1, where);
    this.#checkKnown(text, where);
    const { output, child } = await this.#session.beside(text, /"?snapshotEnd"?:/);
    assert.match(output, /"snapshotBegin":[^]*tapleaked0/, where);
    await this.#session.interrupt(child);
  }

  async #run(text: string, where: string): Promise<void> {
    this.#checkKnown(text, where);
    this.#output = '';
    for (const command of commandsOf(text)) {
      const { output, exit } = await this.#session.paste(command);
      assert.equal(exit, 0, `${where}: ${command}\n${output}`);
      this.#output += output;
    }
    for (const { of, output } of EXPECTED) {
      if (!of.test(text.trimEnd())) continue;
      assert.match(this.#output, output, where);
      this.#expectations++;
    }
  }

  /** What the block before printed, or the command that is in it after `$`. */
  async #compare(text: string, where: string): Promise<void> {
    const [, command, printed] = /^\$ (.*)\n([^]*)$/.exec(text) ?? [];
    if (command === undefined) {
      assertShape(this.#output, text, where);
    } else {
      assertShape((await this.#session.paste(command)).output, printed!, where);
    }
    this.#expectations++;
  }

  #checkKnown(text: string, where: string): void {
    for (const command of commandsOf(text)) {
      const isKnown = KNOWN.some((known) => known.test(`${command} `));
      assert.ok(isKnown, `${where}: how to run this is not known here: ${command}`);
    }
  }
}

if (skip === false) after(watchForLeaks());

test('each shell line of README.md works, and prints what it says', { skip }, async (t) => {
  const session = await Session.start(CLONE);
  t.after(() => session.end());
  // On a host where nobody has leaked anything some lines would have nothing to show.
  assert.equal((await session.paste('ip tuntap add tapleaked0 mode tap')).exit, 0);
  const reader = new Reader(session);
  const blocks = pageBlocks('README.md');
  for (const block of blocks) await reader.read(block);
  const compared = blocks.filter(({ kind }) => kind === 'console').length;
  assert.equal(reader.expectations, compared + EXPECTED.length);
  // What needs no more than the same server on another page.
  const health = pageBlocks('docs/operations.md').filter(({ text }) => text.startsWith('grpcurl '));
  assert.equal(health.length, 1);
  for (const block of health) await reader.read(block);
  // All that it made is gone again, as it says.
  const { output } = await session.paste('ip -o link; ip netns list');
  assert.doesNotMatch(output, /tap123|orphan0|fooz|pen/);
  await reader.stop();
  assert.equal((await session.paste('ls -A /run/tapmap')).output, '');
});

test('a block that is not understood, or has no end, fails', () => {
  assert.throws(() => commandsOf("python3 -c '\nimport fcntl\n"), /has no end/);
  assert.deepEqual(commandsOf("a 'b\nc' &\nd \\\n  e | \\\n f\ng &&\n h\n"), [
    "a 'b\nc' &",
    'd \\\n  e | \\\n f',
    'g &&\n h',
  ]);
  const unknown = { kind: 'sh', text: 'rm -rf /\n', where: 'README.md:1' };
  const nothing = null as unknown as Session;
  return assert.rejects(
    new Reader(nothing).read(unknown),
    /README\.md:1: how to run this is not known/,
  );
});
