/** Store, probe and gRPC put together: what the server does between start and end. */
import { status } from '@grpc/grpc-js';
import { basename } from 'node:path';
import type { Logger } from 'pino';
import { formatAddress } from '../address/address.js';
import { NO_EVENTS, type Method } from '../api/events.js';
import type { Limits } from '../api/limits.js';
import { tapBindingService } from '../api/service.js';
import type { BindingStore } from '../store/binding-store.js';
import { AccessGate } from './access-gate.js';
import { announcement } from './announcement.js';
import { CallCount } from './call-count.js';
import type { Config } from './config.js';
import { ConnectionPeers } from './connection-peers.js';
import { DroppedConnections } from './dropped-connections.js';
import { Entrance } from './entrance.js';
import { ServerError } from './error.js';
import { policyOf, tlsFilesOf, type GivenFiles } from './given-files.js';
import { GrpcServer } from './grpc-server.js';
import type { Listener } from './listener.js';
import type { MetricsEndpoint } from './metrics-endpoint.js';
import { ProbeFeed } from './probe-feed.js';
import type { SupervisorLink } from './supervisor-link.js';

/** How long to wait for a first scan before the start is announced without one. */
const ANNOUNCE_MS = 5000;
/** A probe that still starts may be silent longer than one that has spoken. */
const FIRST_SILENCE = 3;
// Started by its name it is in PATH; in a checkout, npx finds it.
const PROGRAM = basename(process.argv[1] ?? '') === 'tapmap' ? 'tapmap' : 'npx tapmap';
/** How long connections may take to close once no call is left on them. */
const CLOSE_MS = 500;

export interface ServingOptions {
  readonly config: Config;
  readonly limits: Limits;
  readonly store: BindingStore;
  /** Bound already; null: nobody counts. */
  readonly endpoint: MetricsEndpoint | null;
  readonly link: SupervisorLink;
  readonly log: Logger;
  /** Host name. */
  readonly node: string;
  readonly files: GivenFiles;
}

export class Serving {
  readonly #options: ServingOptions;
  readonly #feed: ProbeFeed;
  readonly #grpc: GrpcServer;
  readonly #access: AccessGate;
  readonly #entrance: Entrance;
  readonly #accessChanged: () => void;
  readonly #calls = new CallCount();
  readonly #draining = new AbortController();
  #listeners: readonly Listener[] = [];
  #announceTimer: NodeJS.Timeout | null = null;

  /** Throws ServerError FILE. */
  constructor(options: ServingOptions) {
    this.#options = options;
    const { config, limits, store, endpoint, link, log, node, files } = options;
    const metrics = endpoint?.metrics ?? null;
    const next = config.probeSilence;
    const silence = { first: next * FIRST_SILENCE, next };
    const healthy = (probe: number): void => {
      link.report({ type: 'probe_healthy', probe });
      this.#ready();
    };
    const failed = (probe: number, reason: string): void => {
      link.report({ type: 'probe_failed', probe, reason });
    };
    const figures = metrics?.probe ?? null;
    this.#feed = new ProbeFeed(store, silence, log, { healthy, failed }, figures);
    const peers = new ConnectionPeers();
    this.#access = new AccessGate(peers, policyOf(files), log);
    const { implementation, accessChanged } = tapBindingService({
      store,
      node,
      access: this.#access,
      limits,
      scanNow: (signal) => this.#feed.scanNow(signal),
      disconnect: (call) => {
        log.info({ peer: peers.of(call) }, 'closed the connection of a client that does not read');
        peers.disconnect(call);
      },
      lifecycle: { draining: this.#draining.signal },
      events: metrics?.service ?? NO_EVENTS,
      log: (error, method) => {
        log.error({ err: error, method }, 'call failed');
      },
    });
    this.#accessChanged = accessChanged;
    const ended = (method: Method) => (code: status) => {
      metrics?.service.called(method, status[code]);
    };
    const { listTapBindings, watchTapBindings } = implementation;
    this.#grpc = new GrpcServer(
      {
        listTapBindings: this.#calls.counted(listTapBindings, ended('ListTapBindings')),
        watchTapBindings: this.#calls.counted(watchTapBindings, ended('WatchTapBindings')),
      },
      { mayReflect: (call) => this.#access.mayReflect(call), limits },
    );
    this.#entrance = new Entrance(this.#grpc, peers, tlsFilesOf(files), log);
  }

  /** Answers on these, which are bound already. */
  open(listeners: readonly Listener[]): void {
    const { link, log, endpoint } = this.#options;
    this.#listeners = listeners;
    link.onProbe((probe, channel) => {
      this.#feed.adopt(probe, channel);
    });
    for (const listener of listeners) {
      const dropped = new DroppedConnections(formatAddress(listener.address), log, () => {
        endpoint?.metrics.service.connectionDropped();
      });
      listener.onDrop(() => {
        dropped.add();
      });
      this.#entrance.open(listener);
    }
    endpoint?.open();
    const bound = [...listeners, ...(endpoint === null ? [] : [endpoint])];
    const sockets = bound.flatMap(({ file }) => (file === null ? [] : [file]));
    link.report({ type: 'listening', sockets });
    const addresses = listeners.map(({ address }) => formatAddress(address));
    const metrics = endpoint === null ? null : formatAddress(endpoint.address);
    log.info({ addresses, metrics }, 'listening');
    this.#announceTimer = setTimeout(() => {
      this.#announce(this.#feed.trouble ?? 'the probe has not spoken');
    }, ANNOUNCE_MS);
  }

  /** A file has changed. One that is not as it should be changes nothing: the former ones stay. */
  takeFiles(files: GivenFiles): void {
    const { log } = this.#options;
    try {
      const policy = policyOf(files);
      const tls = tlsFilesOf(files);
      if (tls !== null) this.#entrance.replaceTls(tls);
      this.#access.replace(policy);
      this.#accessChanged();
      log.info({ files: Object.values(files).map(({ path }) => path) }, 'files read again');
    } catch (error) {
      if (!(error instanceof ServerError)) throw error;
      log.error({ reason: error.message }, 'files refused; the former ones stay');
    }
  }

  /**
   * Ends streams with OK and answers new calls with UNAVAILABLE; after `grace` milliseconds at most,
   * whatever is left is cut off.
   */
  async drain(grace: number): Promise<void> {
    this.#options.log.info('draining');
    if (this.#announceTimer !== null) clearTimeout(this.#announceTimer);
    this.#grpc.setServing(false);
    this.#draining.abort();
    await this.#calls.none(grace);
    for (const listener of this.#listeners) listener.close();
    await this.#grpc.shutdown(CLOSE_MS);
    this.#feed.close();
    this.#options.endpoint?.close();
  }

  #ready(): void {
    if (this.#draining.signal.aborted) return;
    this.#grpc.setServing(true);
    this.#announce(null);
  }

  /** Once. */
  #announce(trouble: string | null): void {
    if (this.#announceTimer === null) return;
    clearTimeout(this.#announceTimer);
    this.#announceTimer = null;
    const addresses = this.#listeners.map(({ address }) => address);
    const { isDefaultAddress: isDefault } = this.#options.config;
    process.stdout.write(announcement(addresses, { isDefault, trouble, program: PROGRAM }));
  }
}
