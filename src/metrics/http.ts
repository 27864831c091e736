/**
 * Answers GET /metrics on connections that are handed over: one request each, within a few seconds, and so
 * many at once. Prometheus comes again for the next.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Metrics } from './metrics.js';

export interface MetricsHttpLimits {
  /** Connections at once; what comes beyond that is closed. */
  readonly connections: number;
  /** From connecting to the last byte of the answer, milliseconds: as long as Prometheus waits, too. */
  readonly connectionMs: number;
}

const LIMITS: MetricsHttpLimits = { connections: 64, connectionMs: 10_000 };
/** Of all headers together, bytes. */
const HEADERS_MAX = 16 * 1024;

export interface MetricsHttpOptions {
  /** Takes what went wrong while a page was made. */
  readonly failed: (error: unknown) => void;
  readonly limits?: MetricsHttpLimits;
}

export class MetricsHttp {
  readonly #connections = new Set<Socket>();
  readonly #server;

  constructor(
    private readonly metrics: Metrics,
    private readonly options: MetricsHttpOptions,
  ) {
    this.#server = createServer({ maxHeaderSize: HEADERS_MAX }, (request, response) => {
      void this.#answer(request, response);
    });
    // Before `connection: close` is sent, Node would hand over all requests of one packet, each for a page.
    this.#server.maxRequestsPerSocket = 1;
  }

  /** `connection` comes paused. */
  accept(connection: Socket): void {
    connection.on('error', () => undefined);
    const { connections, connectionMs } = this.options.limits ?? LIMITS;
    if (this.#connections.size >= connections) {
      connection.destroy();
      return;
    }
    this.#connections.add(connection);
    const timer = setTimeout(() => connection.destroy(), connectionMs);
    connection.once('close', () => {
      clearTimeout(timer);
      this.#connections.delete(connection);
    });
    this.#server.emit('connection', connection);
    connection.resume();
  }

  close(): void {
    for (const connection of this.#connections) connection.destroy();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader('connection', 'close');
    try {
      if (!isForMetrics(request)) {
        send(response, 404, 'text/plain; charset=utf-8', 'nothing here but GET /metrics\n');
      } else {
        send(response, 200, this.metrics.contentType, await this.metrics.page());
      }
    } catch (error) {
      this.options.failed(error);
      send(response, 500, 'text/plain; charset=utf-8', 'the metrics cannot be told\n');
    }
  }
}

function isForMetrics({ method, url = '' }: IncomingMessage): boolean {
  return (method === 'GET' || method === 'HEAD') && url.split('?')[0] === '/metrics';
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  // Node leaves it out of the answer to HEAD.
  response.end(body);
}
