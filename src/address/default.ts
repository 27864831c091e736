import { isAbsolute, join } from 'node:path';
import { AddressError } from './error.js';

/**
 * The address that server and clients use when none is given: the system's for root, the user's own
 * for anyone else. `flag` is the flag to name when there is none. Throws AddressError.
 */
export function defaultAddress(
  env: Readonly<Record<string, string | undefined>>,
  uid: number,
  flag = '--listen',
): string {
  if (uid === 0) return 'unix:///run/tapmap/tapmap.sock';
  const runtime = env['XDG_RUNTIME_DIR'];
  if (runtime === undefined || !isAbsolute(runtime)) {
    const fault = runtime === undefined || runtime === '' ? 'not set' : 'not an absolute path';
    throw new AddressError(
      'NO_DEFAULT',
      `XDG_RUNTIME_DIR is ${fault}, so there is no default address: give ${flag} unix:///PATH`,
    );
  }
  return `unix://${join(runtime, 'tapmap', 'tapmap.sock')}`;
}
