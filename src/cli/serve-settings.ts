/** What the flags and the file of `tapmap serve` come to, for each of its processes. */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { parseAddress, type Address } from '../address/address.js';
import { defaultAddress } from '../address/default.js';
import { AddressError } from '../address/error.js';
import { readDocument } from '../documents/document.js';
import { DocumentError } from '../documents/error.js';
import { CommandError } from './command-error.js';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export const FINDERS = ['auto', 'proc', 'bpf'] as const;
export const TRIGGERS = ['rtnetlink', 'fanotify', 'process-connector', 'pidfd'] as const;

const path = z.string().min(1);
const MODE = 'must be an octal mode in quotes, such as "0660"';

/** The keys of the file are the names of the flags. */
const settings = z.strictObject({
  listen: z.array(z.string()).min(1).max(32).optional(),
  user: z.string().min(1).optional(),
  'socket-mode': z
    .string({ error: MODE })
    .regex(/^0?[0-7]{3}$/, MODE)
    .optional(),
  'socket-owner': z.string().min(1).optional(),
  'socket-group': z.string().min(1).optional(),
  'tls-certificate': path.optional(),
  'tls-key': path.optional(),
  'tls-client-ca': path.optional(),
  'tls-without-client-certificates': z.boolean().optional(),
  'access-policy': path.optional(),
  'max-watchers': z.int().min(1).max(1_000_000).optional(),
  finder: z.enum(FINDERS).optional(),
  'scan-budget': z.number().positive().max(100).optional(),
  'without-trigger': z.array(z.enum(TRIGGERS)).optional(),
  'metrics-listen': z.string().optional(),
  'log-level': z.enum(LOG_LEVELS).optional(),
});

type Settings = z.infer<typeof settings>;

const FILES = ['tls-certificate', 'tls-key', 'tls-client-ca', 'access-policy'] as const;

/** Files that the supervisor reads for the server, which may not have the right to. */
type ServerFile = (typeof FILES)[number];

export interface ServeSettings {
  /** See src/server/config.ts. */
  readonly server: {
    readonly listen: readonly string[];
    readonly user: string | null;
    readonly logLevel: string;
    readonly metricsListen: string | null;
    /** Clients find the first address by themselves. */
    readonly isDefaultAddress: boolean;
    readonly socket: {
      readonly mode: number;
      readonly owner: string | null;
      readonly group: string | null;
    };
    readonly files: readonly ServerFile[];
    readonly withoutClientCertificates: boolean;
    readonly maxWatchers: number;
  };
  /** See src/probe/config.ts. */
  readonly probe: {
    readonly finder: string;
    readonly logLevel: string;
    readonly scanBudget: number;
    readonly withoutTriggers: readonly string[];
  };
  readonly socketPaths: readonly string[];
  /** Absolute paths. */
  readonly files: Readonly<Partial<Record<ServerFile, string>>>;
  readonly logLevel: string;
}

/** `given` are the flags by their names, `config` (the path of the file) among them. Throws CommandError. */
export function serveSettings(
  given: Readonly<Record<string, unknown>>,
  env: Readonly<Record<string, string | undefined>>,
  uid: number,
): ServeSettings {
  const { config, ...flags } = given;
  const known = {
    ...(typeof config === 'string' ? readSettings(config) : {}),
    ...absolute(checked(flags), '.'),
  };
  const logLevel = known['log-level'] ?? 'info';
  const listen = known.listen ?? [fallback(env, uid)];
  const metricsListen = known['metrics-listen'] ?? null;
  const socketPaths = [
    ...listen.map((text) => parsed(text, '--listen ')),
    ...(metricsListen === null ? [] : [parsed(metricsListen, '--metrics-listen ')]),
  ].flatMap((address) => {
    return address.kind === 'unix' ? [address.path] : [];
  });
  const files = Object.fromEntries(
    FILES.flatMap((name) => (known[name] === undefined ? [] : [[name, known[name]]])),
  );
  return {
    server: {
      listen,
      user: known.user ?? null,
      metricsListen,
      logLevel,
      isDefaultAddress: listen[0] === defaultOrNull(env, uid),
      socket: {
        mode: Number.parseInt(known['socket-mode'] ?? '660', 8),
        owner: known['socket-owner'] ?? null,
        group: known['socket-group'] ?? null,
      },
      files: FILES.filter((name) => known[name] !== undefined),
      withoutClientCertificates: known['tls-without-client-certificates'] ?? false,
      maxWatchers: known['max-watchers'] ?? 10_000,
    },
    probe: {
      finder: known.finder ?? 'auto',
      logLevel,
      scanBudget: known['scan-budget'] ?? 1,
      withoutTriggers: known['without-trigger'] ?? [],
    },
    socketPaths,
    files,
    logLevel,
  };
}

function checked(flags: Readonly<Record<string, unknown>>): Settings {
  const result = settings.safeParse(flags);
  if (result.success) return result.data;
  const { path, message } = result.error.issues[0]!;
  throw new CommandError('USAGE', `--${String(path[0])}: ${message}`, result.error);
}

function readSettings(file: string): Settings {
  const fail = (why: string, cause: unknown): never => {
    throw new CommandError('USAGE', `--config ${file}: ${why}`, cause);
  };
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    return fail('it cannot be read', error);
  }
  try {
    return absolute(readDocument(text, settings, checkAddresses), dirname(file));
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
    return fail(error.message, error);
  }
}

/** While it is known on which line each of them is. */
function checkAddresses(
  { listen = [], 'metrics-listen': metricsListen }: Settings,
  fail: (path: readonly PropertyKey[], why: string) => never,
): void {
  const check = (text: string, path: readonly PropertyKey[]): void => {
    try {
      parseAddress(text);
    } catch (error) {
      if (!(error instanceof AddressError)) throw error;
      fail(path, error.message);
    }
  };
  listen.forEach((text, index) => {
    check(text, ['listen', index]);
  });
  if (metricsListen !== undefined) check(metricsListen, ['metrics-listen']);
}

/** Paths in a file are meant from where the file is. */
function absolute(given: Settings, directory: string): Settings {
  const result = { ...given };
  for (const name of FILES) {
    const file = result[name];
    if (file !== undefined) result[name] = resolve(directory, file);
  }
  return result;
}

function parsed(text: string, flag: string): Address {
  return usage(() => parseAddress(text), flag);
}

function fallback(env: Readonly<Record<string, string | undefined>>, uid: number): string {
  return usage(() => defaultAddress(env, uid), '');
}

function defaultOrNull(
  env: Readonly<Record<string, string | undefined>>,
  uid: number,
): string | null {
  try {
    return defaultAddress(env, uid);
  } catch {
    return null;
  }
}

function usage<T>(work: () => T, prefix: string): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    throw new CommandError('USAGE', `${prefix}${error.message}`, error);
  }
}
