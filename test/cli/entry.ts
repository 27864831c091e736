/** The command as a process of its own, without the other roles of the program. */
import { run } from '../../src/cli/main.js';

process.exitCode = await run(process.argv.slice(2));
