// A socket whose server is dead: only a process that ends without closing it leaves one behind.
import { spawn } from 'node:child_process';
import { once } from 'node:events';

const SCRIPT = `require('node:net').createServer().listen(process.argv[1], () => {
  process.kill(process.pid, 'SIGKILL');
});`;

export async function staleSocket(path: string): Promise<void> {
  const child = spawn(process.execPath, ['-e', SCRIPT, path], { stdio: 'inherit' });
  await once(child, 'exit');
}
