// What docs/operations.md and the files beside it say.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { documentedMetrics } from '../metrics/documented.js';
import { Tapmap } from '../scenarios/tapmap.js';
import { missing } from '../stage/ability.js';

const DOCS = fileURLToPath(new URL('../../docs/', import.meta.url));
const SRC = fileURLToPath(new URL('../../src/', import.meta.url));
const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

const page = readFileSync(join(DOCS, 'operations.md'), 'utf8');
const unit = readFileSync(join(DOCS, 'tapmap.service'), 'utf8');
const rules = readFileSync(join(DOCS, 'tapmap.rules.yaml'), 'utf8');

function sources(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return entry.name === 'gen' ? [] : sources(path);
    return [readFileSync(path, 'utf8')];
  });
}

describe('messages of the log', () => {
  const calls = sources(SRC).flatMap((text) => [
    ...text.matchAll(/\blog\.(trace|debug|info|warn|error|fatal)\(.*?\);$/gms),
  ]);

  it('are constants', () => {
    assert.ok(calls.length > 20, `${calls.length} calls`);
    for (const [call] of calls) assert.match(call, /'[^'`$]+',?\s*\);$/, call);
  });

  it('are those that the page lists, with their levels', () => {
    const logged = calls.map(([call, level]) => {
      const [, message] = /'([^']+)',?\s*\);$/.exec(call) ?? [];
      return `${level ?? ''} ${message ?? ''}`;
    });
    const listed = [...page.matchAll(/^\| `(\w+)` *\| `tapmap \w+` *\| `([^`]+)`/gm)];
    assert.deepEqual(
      [...new Set(listed.map(([, level, message]) => `${level ?? ''} ${message ?? ''}`))].sort(),
      [...new Set(logged)].sort(),
    );
  });
});

/** The unit, as it would run this program: its path, and a way to end it. */
function unitFile(directory: string): string {
  const file = join(directory, 'tapmap.service');
  assert.match(unit, /^ExecStart=\/usr\/local\/bin\/tapmap /m);
  writeFileSync(file, unit.replace('/usr/local/bin/tapmap', MAIN));
  return file;
}

describe('the unit for systemd', () => {
  it('is one that systemd takes', { skip: missing('command:systemd-analyze') }, (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'tapmap-unit-'));
    t.after(() => {
      rmSync(directory, { recursive: true });
    });
    const args = ['verify', '--man=no', unitFile(directory)];
    const { status, stderr } = spawnSync('systemd-analyze', args, { encoding: 'utf8' });
    // Of other units of the host it says what it thinks, too.
    const own = stderr.split('\n').filter((line) => line.includes('tapmap.service'));
    assert.deepEqual(own, []);
    assert.equal(status, 0, stderr);
  });

  const skip = missing('initial-root', 'command:setpriv', 'tun');
  const kept = [...unit.matchAll(/^CapabilityBoundingSet=(.*)$/gm)]
    .flatMap(([, names = '']) => names.split(' '))
    .map((name) => `+${name.replace('CAP_', '').toLowerCase()}`);
  const under = ['setpriv', '--no-new-privs', `--bounding-set=-all,${kept.join(',')}`];

  it('gives it all that it can use', { skip }, () => {
    const abilities = ([command = '', ...args]: readonly string[]): Map<string, boolean> => {
      const { stdout } = spawnSync(command, [...args, MAIN, 'doctor', '--json'], {
        encoding: 'utf8',
      });
      const found = JSON.parse(stdout) as { abilities: { name: string; available: boolean }[] };
      return new Map(found.abilities.map(({ name, available }) => [name, available]));
    };
    assert.ok(kept.length > 5);
    assert.deepEqual(abilities([...under, process.execPath]), abilities([process.execPath]));
  });

  it('lets it serve, become another user, and drain', { skip }, async () => {
    const tapmap = await Tapmap.start({ under });
    const { coverage } = await tapmap.list();
    assert.deepEqual(
      coverage.degraded.map(({ missing: what }) => what),
      await degradedWithout(),
    );
    // Fails when it does not end with 0.
    await tapmap.stop();
  });

  async function degradedWithout(): Promise<string[]> {
    const tapmap = await Tapmap.start();
    try {
      return (await tapmap.list()).coverage.degraded.map(({ missing: what }) => what);
    } finally {
      await tapmap.stop();
    }
  }
});

describe('the rules for alerts', () => {
  it('are rules that Prometheus takes', { skip: missing('command:promtool') }, () => {
    const args = ['check', 'rules', join(DOCS, 'tapmap.rules.yaml')];
    const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
    assert.equal(status, 0, stdout + stderr);
  });

  it('are about metrics that there are, and each is explained', () => {
    const known = new Set(documentedMetrics().map(({ name }) => name));
    const used = new Set(rules.match(/\btapmap_\w+/g));
    assert.ok(used.size > 5);
    for (const name of used) assert.ok(known.has(name), name);
    const alerts = [...rules.matchAll(/alert: (\w+)/g)].map(([, name]) => name);
    const explained = [...page.matchAll(/^\| `(Tapmap\w+)`/gm)].map(([, name]) => name);
    assert.deepEqual(explained, alerts);
  });
});
