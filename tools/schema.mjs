// The compiled schema of the API, with its imports and comments.
import { execFileSync } from 'node:child_process';

/** @returns {Buffer} google.protobuf.FileDescriptorSet, encoded */
export function compiledSchema() {
  const flags = ['--as-file-descriptor-set', '-o', '-#format=binpb'];
  return execFileSync('buf', ['build', 'proto', ...flags]);
}
