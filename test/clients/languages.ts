// The clients in clients/, and which of them can be run here.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface Language {
  readonly language: string;
  readonly command: readonly [string, ...string[]];
  /** Why it cannot be run; null when it can. */
  readonly reason: string | null;
}

/** `all`: a client that cannot be run is a failure, and no reason to skip. `.ci/run` wants it so. */
const { TAPMAP_TEST_CLIENTS: WANTED } = process.env;

const BUILD_CLIENTS = fileURLToPath(new URL('../../tools/build-clients.mjs', import.meta.url));

export const LANGUAGES = known();

function known(): readonly Language[] {
  const { stdout, stderr } = spawnSync(process.execPath, [BUILD_CLIENTS, '--list'], {
    encoding: 'utf8',
  });
  assert.notEqual(stdout, '', stderr);
  return JSON.parse(stdout) as Language[];
}

/** The reason to skip what needs this client, for node:test. */
export function skipped({ reason }: Language): string | false {
  return reason === null || WANTED === 'all' ? false : reason;
}

/** The reason to skip what needs any client: that of each, when none can be run. */
export function skippedAll(): string | false {
  const reasons = LANGUAGES.map((one) => ({ language: one.language, reason: skipped(one) }));
  if (reasons.some(({ reason }) => reason === false)) return false;
  return reasons.map(({ language, reason }) => `${language}: ${reason}`).join('; ');
}

/** Fails when the client cannot be run. */
export function assertRuns({ language, reason }: Language): void {
  assert.equal(reason, null, `the ${language} client: ${reason}`);
}
