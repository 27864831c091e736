/** The access policy: who may list, and who may see command lines. docs/security.md is for people. */
import { z } from 'zod';
import { readDocument } from '../documents/document.js';
import { groupNamed, userNamed, type User } from './accounts.js';
import { namesOf, type Peer } from './peer.js';

/** What a peer may do. */
export interface Access {
  /** List and watch bindings. */
  readonly list: boolean;
  /** See the command lines in them. */
  readonly commandLines: boolean;
  /** Ask for the schema. */
  readonly reflection: boolean;
}

export interface AccessPolicy {
  accessOf(peer: Peer): Access;
}

const permission = z.enum(['list', 'command-lines']);
const permissions = z.array(permission);
type Permission = z.infer<typeof permission>;

const name = z.union([z.string().min(1), z.int().min(0).max(0xffff_fffe)], {
  error: 'must be a name or an id',
});

const rule = z
  .strictObject({
    users: z.array(name).min(1).optional(),
    groups: z.array(name).min(1).optional(),
    certificates: z.array(z.string().min(1)).min(1).optional(),
    may: permissions,
  })
  .refine(
    ({ users, groups, certificates }) => (users ?? groups ?? certificates) !== undefined,
    'names nobody: it needs users, groups or certificates',
  );

const document = z.strictObject({
  default: z.strictObject({ unix: permissions.optional(), tcp: permissions.optional() }).optional(),
  rules: z.array(rule).max(1000).optional(),
  reflection: z.enum(['everyone', 'listers']).optional(),
});

interface Rule {
  readonly uids: ReadonlySet<number>;
  readonly gids: ReadonlySet<number>;
  /** As comparable() makes them. */
  readonly certificates: ReadonlySet<string>;
  readonly may: readonly Permission[];
}

interface Accounts {
  readonly userNamed: (name: string) => User | null;
  readonly groupNamed: (name: string) => number | null;
}

const EVERYTHING: readonly Permission[] = ['list', 'command-lines'];

/**
 * A rule names a peer by any of its users, groups or certificates. Whom rules name may what all of these
 * together say, anyone else what `default` says: of a unix socket everything, whose mode is the
 * guard, and over TCP nothing. A document that says nothing is no policy. Throws DocumentError.
 */
export function parsePolicy(
  text: string,
  accounts: Accounts = { userNamed, groupNamed },
): AccessPolicy {
  const rules: Rule[] = [];
  const known = readDocument(text, document, (value, fail) => {
    // What is left of a file that was cut off must not open what the file was to close.
    if (Object.keys(value).length === 0) {
      fail([], 'it says nothing: it needs default, rules or reflection');
    }
    (value.rules ?? []).forEach((given, index) => {
      const ids = (
        kind: 'users' | 'groups',
        idOf: (name: string) => number | null | undefined,
      ): ReadonlySet<number> =>
        new Set(
          (given[kind] ?? []).map((name, at) => {
            if (typeof name === 'number') return name;
            const no = (why: string): never => fail(['rules', index, kind, at], why);
            return (
              found(name, idOf, no) ?? no(`this host has no such name: ${JSON.stringify(name)}`)
            );
          }),
        );
      rules.push({
        uids: ids('users', (name) => accounts.userNamed(name)?.uid),
        gids: ids('groups', (name) => accounts.groupNamed(name)),
        certificates: new Set((given.certificates ?? []).map(comparable)),
        may: given.may,
      });
    });
  });
  const fallback = {
    unix: known.default?.unix ?? EVERYTHING,
    tcp: known.default?.tcp ?? [],
  };
  return policyOf((peer) => {
    const naming = rules.filter((rule) => names(rule, peer));
    return naming.length === 0 ? fallback[peer.kind] : naming.flatMap(({ may }) => may);
  }, known.reflection === 'listers');
}

/** The files of accounts may be missing, or being replaced: a fault of the policy that needs them. */
function found(
  name: string,
  idOf: (name: string) => number | null | undefined,
  fail: (why: string) => never,
): number | null | undefined {
  try {
    return idOf(name);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    return fail(`${JSON.stringify(name)}: cannot look it up (${String(error.code)})`);
  }
}

/**
 * Without a policy file: a unix socket's mode says who may everything; on loopback without TLS, where nobody
 * can be told from another, whoever connects may list but sees no command lines; and nobody else may anything.
 */
export const BUILT_IN_POLICY = policyOf(
  (peer) => (peer.kind === 'unix' ? EVERYTHING : peer.plaintext ? ['list'] : []),
  false,
);

function policyOf(
  permissionsOf: (peer: Peer) => readonly Permission[],
  hidesReflection: boolean,
): AccessPolicy {
  return {
    accessOf: (peer) => {
      const may = permissionsOf(peer);
      const list = may.includes('list');
      return {
        list,
        commandLines: list && may.includes('command-lines'),
        reflection: list || !hidesReflection,
      };
    },
  };
}

function names({ uids, gids, certificates }: Rule, peer: Peer): boolean {
  if (peer.kind === 'tcp') {
    return (
      peer.certificate !== null &&
      namesOf(peer.certificate).some((name) => certificates.has(comparable(name)))
    );
  }
  const { credentials } = peer;
  if (credentials === null) return false;
  return uids.has(credentials.uid) || credentials.gids.some((gid) => gids.has(gid));
}

/** URIs are as they are; names of hosts have no case. */
function comparable(certificate: string): string {
  return certificate.includes('://') ? certificate : certificate.toLowerCase();
}
