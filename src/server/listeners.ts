import type { Address } from '../address/address.js';
import type { Listener } from './listener.js';
import { listenTcp } from './tcp-listener.js';
import { listenUnix, type SocketOwner } from './unix-listener.js';

export interface ListenOptions {
  /** Of unix sockets. */
  readonly owner: SocketOwner;
  /** Whether TCP is for TLS, and so not for loopback alone. */
  readonly speaksTls: boolean;
}

/** All of the addresses, or none and a ServerError: then nothing is left behind. */
export async function listenAll(
  addresses: readonly Address[],
  { owner, speaksTls }: ListenOptions,
): Promise<Listener[]> {
  const listeners: Listener[] = [];
  try {
    for (const address of addresses) {
      listeners.push(
        address.kind === 'unix'
          ? await listenUnix(address, owner)
          : await listenTcp(address, speaksTls),
      );
    }
    return listeners;
  } catch (error) {
    for (const listener of listeners) listener.withdraw();
    throw error;
  }
}
