// `npm run build:bpf`: see bpf.mjs.
import { fileURLToPath } from 'node:url';
import { buildBpf } from './bpf.mjs';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const failure = buildBpf();
if (failure !== null) {
  console.error(`tapmap: the BPF finder cannot be built: ${failure.message}`);
  if (failure.missing) console.error('tapmap: it takes clang and libbpf-dev (Debian)');
  process.exit(1);
}
