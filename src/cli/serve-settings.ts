/** What the flags and the file of `tapmap serve` come to, for each of its processes. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { parseAddress } from '../address/address.js';
import { defaultAddress } from '../address/default.js';
import { AddressError } from '../address/error.js';
import { CommandError } from './command-error.js';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
const FINDERS = ['auto', 'proc', 'bpf'] as const;
export const TRIGGERS = ['rtnetlink', 'fanotify', 'process-connector', 'pidfd'] as const;

const settings = z.strictObject({
  listen: z.array(z.string()).min(1).max(32).optional(),
  user: z.string().min(1).optional(),
  finder: z.enum(FINDERS).optional(),
  scanBudget: z.number().positive().max(100).optional(),
  withoutTrigger: z.array(z.enum(TRIGGERS)).optional(),
  logLevel: z.enum(LOG_LEVELS).optional(),
});

type Settings = z.infer<typeof settings>;

export type ServeFlags = Settings & { readonly config?: string };

export interface ServeSettings {
  /** See src/server/config.ts. */
  readonly server: {
    readonly listen: readonly string[];
    readonly user: string | null;
    readonly logLevel: string;
    /** Clients find the first address by themselves. */
    readonly isDefaultAddress: boolean;
  };
  /** See src/probe/config.ts. */
  readonly probe: {
    readonly finder: string;
    readonly logLevel: string;
    readonly scanBudget: number;
    readonly withoutTriggers: readonly string[];
  };
  readonly socketPaths: readonly string[];
  readonly logLevel: string;
}

/** Throws CommandError. */
export function serveSettings(
  flags: ServeFlags,
  env: Readonly<Record<string, string | undefined>>,
  uid: number,
): ServeSettings {
  const { config, ...given } = flags;
  const known = { ...(config === undefined ? {} : readSettings(config)), ...given };
  const logLevel = known.logLevel ?? 'info';
  const finder = known.finder ?? 'auto';
  const listen = known.listen ?? [fallback(env, uid)];
  const socketPaths = listen.flatMap((text) => {
    const address = parsed(text);
    return address.kind === 'unix' ? [address.path] : [];
  });
  const isDefaultAddress = listen[0] === defaultOrNull(env, uid);
  return {
    server: { listen, user: known.user ?? null, logLevel, isDefaultAddress },
    probe: {
      finder,
      logLevel,
      scanBudget: known.scanBudget ?? 1,
      withoutTriggers: known.withoutTrigger ?? [],
    },
    socketPaths,
    logLevel,
  };
}

function readSettings(file: string): Settings {
  const fail = (why: string, cause: unknown): never => {
    throw new CommandError('USAGE', `--config ${file}: ${why}`, cause);
  };
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    return fail(error instanceof SyntaxError ? 'it is not JSON' : 'it cannot be read', error);
  }
  const result = settings.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = issue?.path.join('.') ?? '';
  return fail(`${path === '' ? '' : `${path}: `}${issue?.message ?? ''}`, result.error);
}

function parsed(text: string): ReturnType<typeof parseAddress> {
  return usage(() => parseAddress(text), '--listen ');
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
