/**
 * Keeps one server and one probe running. A probe is restarted on its own and its stream handed to
 * the server; when the server ends, the probe ends with it and both start anew.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Backoff } from './backoff.js';
import type { Command, Exit } from './child.js';
import { FileReader, type FilePaths } from './given-files.js';
import { ProbeProcess } from './probe-process.js';
import type { Report, SocketFile } from './report.js';
import { ServerProcess } from './server-process.js';
import { removeSockets } from './socket-files.js';
import type { Timing } from './timing.js';

export interface SupervisorOptions {
  readonly server: Command;
  readonly probe: Command;
  /** Paths of the unix sockets that the server was told to listen on: no other is ever removed. */
  readonly socketPaths: readonly string[];
  /** Files that are read for the server. */
  readonly files: FilePaths;
  readonly log: Logger;
  readonly timing: Timing;
}

/** Exit codes that a server may end with before it serves, after it said why on standard error. */
const REFUSALS = [2, 3];
/** That of a probe which cannot work on this host, and has said why: another one could not either. */
const PROBE_REFUSAL = 3;
const INTERNAL = 4;

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #probeBackoff: Backoff;
  readonly #serverBackoff: Backoff;
  readonly #ending = new AbortController();
  #server: ServerProcess | null = null;
  #probe: ProbeProcess | null = null;
  #probes = 0;
  #listening = false;
  #listened = false;
  #sockets: readonly SocketFile[] = [];
  #code = 0;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    const { backoffFirst, backoffLimit } = options.timing;
    this.#probeBackoff = new Backoff(backoffFirst, backoffLimit);
    this.#serverBackoff = new Backoff(backoffFirst, backoffLimit);
  }

  /** Runs until end() or until server or probe refuse to start. Returns the exit code. */
  async run(): Promise<number> {
    try {
      while (true) {
        const exit = await this.#serve();
        if (this.#isEnding()) return this.#code;
        if (!this.#listened) return this.#refusal(exit);
        const wait = this.#serverBackoff.next();
        this.#options.log.error({ ...told(exit), waitMs: wait }, 'server ended; restarting');
        if (await pause(wait, this.#ending.signal)) return this.#code;
      }
    } finally {
      await removeSockets(this.#sockets, this.#options.socketPaths);
    }
  }

  /** The first call drains, the second ends at once. */
  end(): void {
    const { log, timing } = this.#options;
    if (this.#isEnding()) {
      log.warn('ending at once');
      this.#server?.kill();
      this.#probe?.kill();
      return;
    }
    log.info('draining');
    this.#ending.abort();
    const server = this.#server;
    if (server === null) return;
    server.drain();
    const timer = setTimeout(() => {
      log.warn('server did not drain in time; killed');
      server.kill();
    }, timing.drain);
    void server.exited.then(() => {
      clearTimeout(timer);
    });
  }

  /** One life of the server, with as many probes as it takes. */
  async #serve(): Promise<Exit> {
    const { log, timing } = this.#options;
    this.#listening = false;
    const server = new ServerProcess(
      this.#options.server,
      { first: timing.serverStart, next: timing.serverSilence },
      {
        report: (report) => {
          this.#take(report);
        },
        fault: (reason) => {
          log.error({ child: server.pid, reason }, 'server killed');
        },
      },
    );
    this.#server = server;
    log.debug({ child: server.pid }, 'server started');
    const files = new FileReader(this.#options.files, timing.fileCheck, (given) => {
      server.give(given);
    });
    const life = new AbortController();
    const probes = this.#keepProbe(life.signal);
    const exit = await server.exited;
    this.#server = null;
    files.stop();
    life.abort();
    await probes;
    return exit;
  }

  async #keepProbe(life: AbortSignal): Promise<void> {
    const { log, timing } = this.#options;
    const either = AbortSignal.any([life, this.#ending.signal]);
    const over = aborted(life);
    while (true) {
      const probe = new ProbeProcess(this.#options.probe, ++this.#probes);
      this.#probe = probe;
      log.debug({ child: probe.pid, probe: probe.number }, 'probe started');
      this.#handOver();
      const exit = await Promise.race([probe.exited, over]);
      this.#probe = null;
      // Its channel must go even if it ended before anybody took it.
      await probe.end(timing.probeEnd);
      if (exit === null || this.#isEnding()) return;
      if (exit.code === PROBE_REFUSAL) {
        this.#code = PROBE_REFUSAL;
        this.end();
        return;
      }
      const wait = this.#probeBackoff.next();
      log.warn({ ...told(exit), probe: probe.number, waitMs: wait }, 'probe ended; restarting');
      if (await pause(wait, either)) return;
    }
  }

  #isEnding(): boolean {
    return this.#ending.signal.aborted;
  }

  /** Once for each probe: as soon as both it and a listening server are there. */
  #handOver(): void {
    const channel = this.#probe?.channel;
    if (!this.#listening || this.#server === null || this.#probe === null || !channel) return;
    this.#server.adopt(this.#probe.number, channel);
  }

  #take(report: Report): void {
    switch (report.type) {
      case 'listening':
        // A second one would hand the channel over twice.
        if (this.#listening) return;
        this.#listening = true;
        this.#listened = true;
        this.#sockets = report.sockets;
        this.#handOver();
        return;
      case 'probe_healthy':
        if (report.probe !== this.#probe?.number) return;
        this.#probeBackoff.reset();
        this.#serverBackoff.reset();
        return;
      case 'probe_failed': {
        const probe = this.#probe;
        if (report.probe !== probe?.number) return;
        const { reason } = report;
        this.#options.log.warn(
          { child: probe.pid, probe: probe.number, reason },
          'probe failed; killed',
        );
        probe.kill();
        return;
      }
      case 'alive':
        return;
    }
  }

  #refusal(exit: Exit): number {
    if (exit.code !== null && REFUSALS.includes(exit.code)) return exit.code;
    this.#options.log.fatal(told(exit), 'server ended before it listened');
    return INTERNAL;
  }
}

function told({ code, signal, error }: Exit): Record<string, unknown> {
  return error === null ? { code, signal } : { reason: error.message };
}

/** Waits, or less when `signal` aborts: then it returns true. */
async function pause(milliseconds: number, signal: AbortSignal): Promise<boolean> {
  return delay(milliseconds, false, { signal }).catch(() => true);
}

function aborted(signal: AbortSignal): Promise<null> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(null);
    signal.addEventListener(
      'abort',
      () => {
        resolve(null);
      },
      { once: true },
    );
  });
}
