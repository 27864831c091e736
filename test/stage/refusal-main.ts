// The launcher behind refusal.ts: `refusal-main FILTER COMMAND ARGS...`.
import { exec, setCloseOnExec, setSeccompFilter } from './libc.js';

const [filter = '', command = '', ...args] = process.argv.slice(2);
// Node closes even these on exec.
for (const fd of [0, 1, 2]) setCloseOnExec(fd, false);
setSeccompFilter(Buffer.from(filter, 'base64'));
exec(command, args);
