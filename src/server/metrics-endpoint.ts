/** `--metrics-listen`: an address of its own, where whoever reaches it may read the metrics. */
import { createRequire } from 'node:module';
import type { Logger } from 'pino';
import { formatAddress, isLoopback, type Address, type TcpAddress } from '../address/address.js';
import type { MetricsHttp } from '../metrics/http.js';
import type { Metrics } from '../metrics/metrics.js';
import type { BindingStore } from '../store/binding-store.js';
import { createListener, Listener, listenError, listening } from './listener.js';
import type { SocketFile } from './socket-file.js';
import { listenUnix, type SocketOwner } from './unix-listener.js';

/** More than MetricsHttp answers at once: it closes those itself. */
const CONNECTIONS_MAX = 100;

export class MetricsEndpoint {
  private constructor(
    readonly metrics: Metrics,
    readonly address: Address,
    private readonly http: MetricsHttp,
    private readonly listener: Listener,
  ) {}

  /** Binds it; answers from open() on. Throws ServerError. */
  static async bind(
    address: Address,
    owner: SocketOwner,
    store: BindingStore,
    log: Logger,
  ): Promise<MetricsEndpoint> {
    // Loaded on demand: most servers have none.
    const [{ Metrics }, { MetricsHttp }] = await Promise.all([
      import('../metrics/metrics.js'),
      import('../metrics/http.js'),
    ]);
    const metrics = new Metrics(store, version());
    const http = new MetricsHttp(metrics, {
      failed: (error) => {
        log.error({ err: error }, 'metrics failed');
      },
    });
    const listener =
      address.kind === 'unix'
        ? await listenUnix(address, owner, CONNECTIONS_MAX)
        : await bindTcp(address);
    if (address.kind === 'tcp' && !isLoopback(address.host)) {
      log.warn(
        { address: formatAddress(address) },
        'metrics are told to all who reach this address',
      );
    }
    return new MetricsEndpoint(metrics, listener.address, http, listener);
  }

  /** Set for a unix socket. */
  get file(): SocketFile | null {
    return this.listener.file;
  }

  open(): void {
    this.listener.open((connection) => {
      this.http.accept(connection);
    });
  }

  close(): void {
    this.listener.close();
    this.http.close();
  }

  /** As long as it has the rights that it was bound with. */
  withdraw(): void {
    this.listener.withdraw();
  }
}

/** On any address: the page has no names, and who gives an address means it. */
async function bindTcp(address: TcpAddress): Promise<Listener> {
  const server = createListener(CONNECTIONS_MAX);
  server.listen({ host: address.host, port: address.port });
  await listening(server, address);
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw listenError(address, bound);
  return new Listener({ ...address, port: bound.port }, server, null);
}

function version(): string {
  const manifest = createRequire(import.meta.url)('../../package.json') as { version: string };
  return manifest.version;
}
