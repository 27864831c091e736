// `npm run build:clients [-- LANGUAGE ...]`: builds the clients whose toolchain is here, if anything they
// are made from has changed, and says of the others what is missing.
// `--list`: instead, tells as JSON how each is run, and whether it is built.
import { spawnSync } from 'node:child_process';
import { utimesSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CLIENTS, folderOf, isClientBuilt, missingFor, stampOf } from './clients.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
// buf is one of this project's own packages.
const PATH = [join(ROOT, 'node_modules', '.bin'), process.env.PATH].join(delimiter);

function say(message) {
  console.error(`tapmap: ${message}`);
}

/** @returns {boolean} whether it is built now */
function build(client) {
  const { language } = client;
  const start = new Date();
  for (const [command, ...args] of client.build) {
    const { status, error } = spawnSync(command, args, {
      cwd: folderOf(client),
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, PATH },
    });
    if (status === 0) continue;
    const why = error?.message ?? `exit ${status}`;
    say(`the ${language} client does not build: ${[command, ...args].join(' ')}: ${why}`);
    return false;
  }
  writeFileSync(stampOf(client), '');
  utimesSync(stampOf(client), start, start);
  say(`the ${language} client is built (${((Date.now() - start) / 1000).toFixed(0)} s)`);
  return true;
}

function buildAll(clients) {
  for (const client of clients.filter((one) => !isClientBuilt(one))) {
    const missing = missingFor(client);
    if (missing !== null) {
      say(`the ${client.language} client is not built: ${missing}`);
    } else if (!build(client)) {
      process.exitCode = 1;
    }
  }
}

function list() {
  const entries = CLIENTS.map((client) => {
    const built = isClientBuilt(client);
    const reason = built ? null : (missingFor(client) ?? 'not built: npm run build:clients');
    return { language: client.language, command: client.run, reason };
  });
  console.log(JSON.stringify(entries));
}

const args = process.argv.slice(2);
const names = args.filter((argument) => !argument.startsWith('--'));
const unknown = names.filter((name) => CLIENTS.every(({ language }) => language !== name));
if (unknown.length > 0) {
  say(`no such client: ${unknown.join(' ')}`);
  process.exit(2);
}
if (args.includes('--list')) list();
else {
  const chosen = CLIENTS.filter(({ language }) => names.length === 0 || names.includes(language));
  buildAll(chosen);
}
