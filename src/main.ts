#!/usr/bin/env node
/** One program, several roles: the command line, and the two processes that `serve` starts. */
import { PROBE_TITLE } from './model/process-title.js';

const [role = '', config = ''] = process.argv.slice(2);

// Roles end when they say so, whatever is still open; a command lets its output drain first.
switch (role) {
  case 'server': {
    process.title = 'tapmap server';
    const { runServer } = await import('./server/run.js');
    process.exit(await runServer(config));
    break;
  }
  case 'probe': {
    process.title = PROBE_TITLE;
    const { runProbe } = await import('./probe/run.js');
    process.exit(await runProbe(config));
    break;
  }
  case 'serve':
    process.title = 'tapmap serve';
    await command();
    break;
  default:
    await command();
}

async function command(): Promise<void> {
  const { run } = await import('./cli/main.js');
  const code = await run(process.argv.slice(2));
  // `serve` has set the code of the process that refused to start, and that process said why.
  process.exitCode ??= code;
}
