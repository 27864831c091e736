/** The access policy of this moment, for the peers of this moment. */
import type { Logger } from 'pino';
import { peerText, type Peer } from '../access/peer.js';
import type { Access, AccessPolicy } from '../access/policy.js';
import type { AccessControl, PeerCall } from '../api/admission.js';
import type { ConnectionPeers } from './connection-peers.js';

export class AccessGate implements AccessControl {
  readonly #peers: ConnectionPeers;
  readonly #log: Logger;
  /** One line for each connection that is refused, however often it tries. */
  #told = new WeakSet<Peer>();
  #policy: AccessPolicy;

  constructor(peers: ConnectionPeers, policy: AccessPolicy, log: Logger) {
    this.#peers = peers;
    this.#policy = policy;
    this.#log = log;
  }

  replace(policy: AccessPolicy): void {
    this.#policy = policy;
    this.#told = new WeakSet();
  }

  peerOf(call: PeerCall): Peer | null {
    return this.#peers.of(call);
  }

  accessOf(peer: Peer): Access {
    const access = this.#policy.accessOf(peer);
    if (!access.list && !this.#told.has(peer)) {
      this.#told.add(peer);
      this.#log.warn({ peer, who: peerText(peer) }, 'refused by the access policy');
    }
    return access;
  }

  mayReflect(call: PeerCall): boolean {
    const peer = this.peerOf(call);
    return peer !== null && this.#policy.accessOf(peer).reflection;
  }
}
