import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setStage } from '../stage/stage.js';
import { missing } from '../stage/ability.js';
import { until } from '../stage/until.js';
import { pack, REPOSITORY, run, type Packed } from './packing.js';

const TSC = join(REPOSITORY, 'node_modules/typescript/lib/tsc.js');
const skip = missing('command:npm');

let packed: Packed;
before(() => {
  if (skip === false) packed = pack();
});
after(() => {
  if (skip === false) rmSync(packed.directory, { recursive: true, force: true });
});

/** The examples of the documentation, by the name in their first line. */
function examples(): Map<string, string> {
  const page = readFileSync(join(REPOSITORY, 'docs/typescript-client.md'), 'utf8');
  const blocks = [...page.matchAll(/^```ts\n(\/\/ (\S+\.ts)\n.*?)^```$/gms)];
  return new Map(blocks.map(([, code = '', name = '']) => [name, code]));
}

describe('the package', { skip }, () => {
  it('contains what is needed, and nothing else', () => {
    const allowed = [
      /^(?:package\.json|README\.md|CHANGELOG\.md|LICENSE)$/,
      /^proto\/tapmap\/v1\/\w+\.proto$/,
      /^dist\/main\.js$/,
      /^dist\/bpf\/finder\.bpf\.o$/,
      // Built from a source that there is.
      /^dist\/.*\.js$/,
      // Types are for those who import, and they can import the client.
      /^dist\/(?:client|gen)\/.*\.d\.ts$/,
    ];
    const source = (path: string): string =>
      join(REPOSITORY, path.replace(/^dist\//, 'src/').replace(/(?:\.d\.ts|\.js)$/, '.ts'));
    const strange = packed.files.filter(
      (path) =>
        !allowed.some((pattern) => pattern.test(path)) ||
        (/^dist\/.*\.(?:js|ts)$/.test(path) && !existsSync(source(path))),
    );
    assert.deepEqual(strange, []);
    const needed = [
      ...['package.json', 'README.md', 'CHANGELOG.md', 'LICENSE'],
      ...['dist/main.js', 'dist/client/index.js', 'dist/client/index.d.ts'],
      'proto/tapmap/v1/tap_binding_service.proto',
      ...(missing('command:clang') === false && existsSync('/usr/include/bpf/bpf_helpers.h')
        ? ['dist/bpf/finder.bpf.o']
        : []),
    ];
    assert.deepEqual(
      needed.filter((path) => !packed.files.includes(path)),
      [],
    );
  });

  it('refers to nothing that it does not contain', () => {
    const installed = join(packed.project, 'node_modules/tapmap');
    for (const path of packed.files.filter((file) => /\.(?:js|d\.ts)$/.test(file))) {
      const text = readFileSync(join(installed, path), 'utf8');
      assert.doesNotMatch(text, /^\/\/# sourceMappingURL/m, path);
      for (const [, to = ''] of text.matchAll(/(?:from|import\()\s*['"](\.[^'"]+)['"]/g)) {
        const target = path.endsWith('.d.ts') ? to.replace(/\.js$/, '.d.ts') : to;
        assert.ok(existsSync(join(installed, dirname(path), target)), `${path} imports ${to}`);
      }
    }
  });

  it('lets a program import the client, and nothing of the rest', () => {
    const tryAll = `for (const name of ['tapmap/client', 'tapmap/package.json', 'tapmap', 'tapmap/dist/main.js'])
      console.log(name, await import(name, name.endsWith('.json') ? { with: { type: 'json' } } : {})
        .then(() => 'yes', ({ code }) => code));`;
    const out = run(process.execPath, ['--no-warnings', '-e', tryAll], packed.project);
    assert.deepEqual(out.trim().split('\n'), [
      'tapmap/client yes',
      'tapmap/package.json yes',
      'tapmap ERR_PACKAGE_PATH_NOT_EXPORTED',
      'tapmap/dist/main.js ERR_PACKAGE_PATH_NOT_EXPORTED',
    ]);
  });

  it('loads with the client gRPC and the schema, and nothing of the server', () => {
    // Modules of both kinds: the hook sees those that are imported, the cache those that are required.
    const hook = `export async function load(url, context, next) {
      process._rawDebug(url); return next(url, context); }`;
    const program = `
      import { createRequire, register } from 'node:module';
      register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hook)}));
      await import('tapmap/client');
      for (const path of Object.keys(createRequire(import.meta.url).cache)) console.error('file://' + path);`;
    const file = join(packed.project, 'loaded.mjs');
    writeFileSync(file, program);
    const { status, stderr } = spawnSync(process.execPath, ['--no-warnings', file], {
      cwd: packed.project,
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
    const loaded = stderr.split('\n').filter((line) => line.startsWith('file://'));
    const packages = new Set(
      loaded.map((url) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1]),
    );
    for (const name of ['tapmap', '@grpc/grpc-js', '@bufbuild/protobuf']) {
      assert.ok(packages.has(name), name);
    }
    for (const name of ['koffi', 'zod', 'pino', 'commander', '@grpc/reflection']) {
      assert.ok(!packages.has(name), name);
    }
    const rooms = loaded.flatMap((url) => /\/tapmap\/dist\/(\w+)\//.exec(url)?.[1] ?? []);
    assert.deepEqual([...new Set(rooms)].sort(), ['address', 'client', 'gen']);
  });
});

describe('a program that uses the package', { skip }, () => {
  before(() => {
    if (skip !== false) return;
    for (const [name, code] of examples()) writeFileSync(join(packed.project, name), code);
  });

  for (const module of ['node16', 'nodenext']) {
    it(`compiles under the strictest rules, types of libraries included (${module})`, () => {
      const names = [...examples().keys()];
      assert.deepEqual(names, ['list.ts', 'watch.ts', 'resume.ts', 'tls.ts']);
      const compilerOptions = {
        module,
        target: 'es2022',
        lib: ['es2022', 'esnext.disposable'],
        types: ['node'],
        strict: true,
        skipLibCheck: false,
        exactOptionalPropertyTypes: true,
        noUncheckedIndexedAccess: true,
        noImplicitReturns: true,
        noPropertyAccessFromIndexSignature: true,
        verbatimModuleSyntax: true,
      };
      const config = JSON.stringify({ compilerOptions, files: names });
      writeFileSync(join(packed.project, 'tsconfig.json'), config);
      run(process.execPath, [TSC, '-p', '.'], packed.project);
    });
  }

  it('lists and watches, and goes on when the server is restarted', async (t) => {
    if (missing('tun') !== false) {
      t.skip(missing('tun') || '');
      return;
    }
    const stage = setStage(t);
    const name = stage.deviceName();
    const directory = mkdtempSync(join(packed.directory, 'run-'));
    await chmod(directory, 0o777);
    const socket = join(directory, 's');
    const env = { ...process.env, TAPMAP_ADDRESS: `unix://${socket}` };
    const start = (command: string, ...args: string[]): Running => {
      const running = new Running(spawn(command, args, { cwd: packed.project, env }));
      stage.atEnd(() => running.kill());
      return running;
    };
    const serve = async (): Promise<Running> => {
      const command = join(packed.project, 'node_modules/.bin/tapmap');
      const server = start(
        command,
        'serve',
        '--listen',
        `unix://${socket}`,
        '--log-level',
        'error',
      );
      await server.said('tapmap list');
      return server;
    };

    const server = await serve();
    const watch = start(process.execPath, 'watch.js', name);
    await watch.said('snapshot leaves 0 at revision');
    const tap = stage.queue(name);
    await watch.said(`VERDICT_HELD [${process.pid}]`);
    assert.equal(await server.end('SIGTERM'), 0);
    await watch.said('disconnected the server drains');
    const again = await serve();
    await watch.said('connected\n');
    await watch.said('snapshot leaves 1 at revision');
    tap.close();
    await watch.said('removed netns/');
    stage.unheldDevice();
    const list = start(process.execPath, 'list.js');
    await list.said('stale: false');
    assert.equal(await list.exit(), 0);
    assert.equal(await watch.end('SIGINT'), 0);
    assert.equal(await again.end('SIGTERM'), 0);
  });
});

class Running {
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown>;
  #out = '';
  /** What was waited for is behind this. */
  #read = 0;
  #stderr = '';

  constructor(child: ChildProcess) {
    this.#child = child;
    this.#exit = once(child, 'close');
    child.stdout?.on('data', (text: Buffer) => (this.#out += text.toString()));
    child.stderr?.on('data', (text: Buffer) => (this.#stderr += text.toString()));
  }

  /** Waits for these words on standard output, behind those of the last time. */
  async said(words: string): Promise<void> {
    await until(
      words,
      () => {
        const at = this.#out.indexOf(words, this.#read);
        if (at !== -1) this.#read = at + words.length;
        else if (this.#child.exitCode !== null)
          assert.fail(`${words}: ${this.#out}${this.#stderr}`);
        return at !== -1;
      },
      30_000,
    );
  }

  async exit(): Promise<number | null> {
    await this.#exit;
    assert.equal(this.#stderr, '');
    return this.#child.exitCode;
  }

  async end(signal: NodeJS.Signals): Promise<number | null> {
    this.#child.kill(signal);
    return this.exit();
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    // The supervisor ends what it has started.
    this.#child.kill('SIGTERM');
    await this.#exit;
  }
}
