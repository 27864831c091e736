import type { Address } from '../address/address.js';
import type { Listener } from './listener.js';
import { listenTcp } from './tcp-listener.js';
import { listenUnix } from './unix-listener.js';

/** All of the addresses, or none and a ServerError: then nothing is left behind. */
export async function listenAll(addresses: readonly Address[]): Promise<Listener[]> {
  const listeners: Listener[] = [];
  try {
    for (const address of addresses) {
      listeners.push(
        address.kind === 'unix' ? await listenUnix(address) : await listenTcp(address),
      );
    }
    return listeners;
  } catch (error) {
    for (const listener of listeners) listener.withdraw();
    throw error;
  }
}
