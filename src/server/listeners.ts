import type { Address } from '../address/address.js';
import type { Listener } from './listener.js';
import { listenTcp } from './tcp-listener.js';
import { listenUnix, type SocketOwner } from './unix-listener.js';

export interface ListenOptions {
  /** Of unix sockets. */
  readonly owner: SocketOwner;
  /** Whether TCP is for TLS, and so not for loopback alone. */
  readonly speaksTls: boolean;
  /** Of each address, at once. */
  readonly connectionsMax: number;
}

/** All of the addresses, or none and a ServerError: then nothing is left behind. */
export async function listenAll(
  addresses: readonly Address[],
  { owner, speaksTls, connectionsMax }: ListenOptions,
): Promise<Listener[]> {
  const listeners: Listener[] = [];
  try {
    for (const address of addresses) {
      listeners.push(
        address.kind === 'unix'
          ? await listenUnix(address, owner, connectionsMax)
          : await listenTcp(address, speaksTls, connectionsMax),
      );
    }
    return listeners;
  } catch (error) {
    for (const listener of listeners) listener.withdraw();
    throw error;
  }
}
