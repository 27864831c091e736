/** The server process, from its configuration to its exit code. */
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import { logUncaught, openLog } from '../log/log.js';
import { DEFAULT_LIMITS } from '../api/limits.js';
import { BindingStore } from '../store/binding-store.js';
import { parseConfig, type Config } from './config.js';
import { connectionsMax } from './connections-max.js';
import { ServerError } from './error.js';
import type { Listener } from './listener.js';
import { listenAll } from './listeners.js';
import { MetricsEndpoint } from './metrics-endpoint.js';
import { giveUpRoot } from './privileges.js';
import { Serving } from './serving.js';
import { socketOwner } from './socket-owner.js';
import { SupervisorLink } from './supervisor-link.js';
import { userToBecome } from './user.js';

/** Exit code. */
const INTERNAL = 4;

/**
 * Serves until SIGTERM. Returns the exit code: 0, or when it cannot start, after one line on
 * standard error, 2 (bad usage), 3 (refused) or 4 (internal).
 */
export async function runServer(json: string): Promise<number> {
  // Ctrl-C goes to the whole process group: when to end is the supervisor's to say.
  for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
  process.stdout.on('error', () => undefined);
  const asked = new Promise<void>((resolve) => {
    process.once('SIGTERM', () => {
      resolve();
    });
  });
  try {
    const link = new SupervisorLink();
    const config = parseConfig(json);
    const log = openLog('tapmap server', config.logLevel);
    logUncaught(log, INTERNAL);
    const serving = await start(config, link, log);
    await asked;
    await serving.drain(config.drainGrace);
    link.close();
    return 0;
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    process.stderr.write(`tapmap: serve: ${error.message}\n`);
    return error.exitCode;
  }
}

async function start(config: Config, link: SupervisorLink, log: Logger): Promise<Serving> {
  const user = userToBecome(config.user, process.getuid?.() ?? 0);
  // All code is loaded and at work before root is given up: the user may not be able to read it.
  const { metricsListen } = config;
  const files = config.files.length === 0 ? {} : await link.firstFiles();
  const owner = socketOwner(config.socket);
  const store = new BindingStore();
  const endpoint =
    metricsListen === null ? null : await MetricsEndpoint.bind(metricsListen, owner, store, log);
  const { maxWatchers, stallLimit: stallMs } = config;
  const limits = {
    ...DEFAULT_LIMITS,
    watchers: maxWatchers,
    healthWatchers: maxWatchers,
    stallMs,
  };
  let listeners: readonly Listener[] = [];
  try {
    const serving = new Serving({
      config,
      limits,
      files,
      store,
      endpoint,
      link,
      log,
      node: hostname(),
    });
    const speaksTls = config.files.includes('tls-certificate');
    const connections = connectionsMax(limits, config.listen.length);
    listeners = await listenAll(config.listen, {
      owner,
      speaksTls,
      connectionsMax: connections.perAddress,
    });
    if (user !== null) giveUpRoot(user);
    else if (process.getuid?.() === 0) log.warn('the server keeps the rights of root');
    if (connections.perAddress < connections.wanted) {
      log.warn({ ...connections }, 'fewer connections than clients are allowed');
    }
    link.onFiles((changed) => {
      serving.takeFiles(changed);
    });
    serving.open(listeners);
    return serving;
  } catch (error) {
    for (const listener of listeners) listener.withdraw();
    endpoint?.withdraw();
    throw error;
  }
}
