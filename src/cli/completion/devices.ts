/** Names of devices for completion: quickly, or none. */
import { listFrom } from '../../client/list-tap-bindings.js';
import { TapBindingFilter, View } from '../../gen/tapmap/v1/tap_binding_service.js';
import { serverOf } from '../client-command.js';
import { globOf } from '../filter.js';
import type { Io } from '../io.js';

/** Longer than that nobody waits for a Tab, milliseconds. */
const TIMEOUT = 500;
/** More than that nobody reads. */
const MOST = 1000;

/** Those that begin with `typed`, in order; none where no server answers in time. */
export async function deviceNames(
  typed: string,
  given: Readonly<Record<string, string>>,
  io: Io,
): Promise<readonly string[]> {
  try {
    const server = serverOf({ ...given, timeout: TIMEOUT, json: false }, io);
    const filter = [TapBindingFilter.fromPartial({ deviceName: `${globOf(typed)}*` })];
    const request = { filter, view: View.VIEW_BASIC, fresh: false };
    const { bindings } = await listFrom(server, request, TIMEOUT);
    const names = new Set(bindings.map(({ device }) => device?.name ?? ''));
    const fitting = [...names].filter((name) => name.startsWith(typed) && canBeTyped(name));
    return fitting.sort().slice(0, MOST);
  } catch {
    // No server, no right to ask it, or an address that is none: whoever runs the command is told.
    return [];
  }
}

/** A name may have control characters in it, which a terminal would act on. */
function canBeTyped(name: string): boolean {
  return name !== '' && !/\p{C}/u.test(name);
}
