import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { Peer } from '../../src/access/peer.js';
import { BUILT_IN_POLICY, parsePolicy, type AccessPolicy } from '../../src/access/policy.js';
import { DocumentError } from '../../src/documents/error.js';

function unix(uid: number, ...gids: number[]): Peer {
  return { kind: 'unix', credentials: { uid, gids, pid: 7 } };
}

function tcp(changes: { dns?: string[]; uris?: string[]; commonName?: string } = {}): Peer {
  const certificate = { dns: [], uris: [], commonName: null, ...changes };
  return { kind: 'tcp', address: '192.0.2.1', port: 5, plaintext: false, certificate };
}

const anonymous: Peer = { ...tcp(), certificate: null } as Peer;
const loopback: Peer = { ...anonymous, address: '127.0.0.1', plaintext: true } as Peer;
const nameless: Peer = { kind: 'unix', credentials: null };

/** `list`, `command-lines`, both or nothing. */
function may(policy: AccessPolicy, peer: Peer): string {
  const { list, commandLines } = policy.accessOf(peer);
  return [list ? 'list' : '', commandLines ? 'command-lines' : ''].filter(Boolean).join(' ');
}

describe('without a policy file', () => {
  it('whoever the mode of the unix socket lets in may everything', () => {
    assert.equal(may(BUILT_IN_POLICY, unix(1000, 1000)), 'list command-lines');
    assert.equal(may(BUILT_IN_POLICY, nameless), 'list command-lines');
  });

  it('whoever connects to loopback may list, and sees no command lines', () => {
    assert.equal(may(BUILT_IN_POLICY, loopback), 'list');
  });

  it('nobody may anything over TLS, with a certificate or without', () => {
    assert.equal(may(BUILT_IN_POLICY, tcp({ dns: ['agent.example.com'] })), '');
    assert.equal(may(BUILT_IN_POLICY, anonymous), '');
  });

  it('the schema is shown to everyone', () => {
    assert.equal(BUILT_IN_POLICY.accessOf(anonymous).reflection, true);
  });
});

describe('a policy', () => {
  it('names users by name and by id', () => {
    const policy = parsePolicy(
      'default: {unix: []}\nrules:\n- {users: [root, 1234], may: [list]}\n',
    );
    assert.equal(may(policy, unix(0)), 'list');
    assert.equal(may(policy, unix(1234)), 'list');
    assert.equal(may(policy, unix(1235)), '');
    assert.equal(may(policy, nameless), '');
  });

  it('names groups, supplementary ones too', () => {
    const policy = parsePolicy(
      'default: {unix: []}\nrules:\n- {groups: [77, root], may: [list, command-lines]}\n',
    );
    assert.equal(may(policy, unix(5, 5, 77)), 'list command-lines');
    assert.equal(may(policy, unix(5, 0)), 'list command-lines');
    assert.equal(may(policy, unix(77, 5)), '');
  });

  it('names certificates by DNS name without case, by URI with it, by common name for want of both', () => {
    const policy = parsePolicy(
      'rules: [{certificates: [Agent.example.com, "spiffe://x/A", reaper], may: [list]}]',
    );
    assert.equal(may(policy, tcp({ dns: ['agent.example.com'] })), 'list');
    assert.equal(may(policy, tcp({ uris: ['spiffe://x/A'] })), 'list');
    assert.equal(may(policy, tcp({ uris: ['spiffe://x/a'] })), '');
    assert.equal(may(policy, tcp({ commonName: 'Reaper' })), 'list');
    assert.equal(may(policy, tcp({ commonName: 'reaper', dns: ['other.example.com'] })), '');
    assert.equal(may(policy, tcp()), '');
    assert.equal(may(policy, anonymous), '');
  });

  it('gives what all rules that name a peer give, in place of the default', () => {
    const policy = parsePolicy(`
      rules:
        - {users: [5], may: [list]}
        - {groups: [6], may: [command-lines]}
        - {users: [9], may: []}
    `);
    assert.equal(may(policy, unix(5)), 'list');
    assert.equal(may(policy, unix(5, 6)), 'list command-lines');
    assert.equal(may(policy, unix(9)), '');
    assert.equal(may(policy, unix(10)), 'list command-lines');
  });

  it('shows no command lines to those who may not list', () => {
    const policy = parsePolicy('default: {unix: [command-lines]}');
    assert.equal(may(policy, unix(5)), '');
  });

  it('denies by default over TCP, on loopback too', () => {
    for (const text of ['rules: []', 'rules: [{certificates: [a], may: [list]}]']) {
      assert.equal(may(parsePolicy(text), loopback), '');
      assert.equal(may(parsePolicy(text), anonymous), '');
      assert.equal(may(parsePolicy(text), tcp({ dns: ['b'] })), '');
    }
    assert.equal(may(parsePolicy('default: {tcp: [list]}'), anonymous), 'list');
  });

  it('hides the schema from those who may not list, if it says so', () => {
    const shown = parsePolicy('default: {unix: []}');
    const hidden = parsePolicy('default: {unix: [], tcp: [list]}\nreflection: listers');
    assert.equal(shown.accessOf(unix(1)).reflection, true);
    assert.equal(hidden.accessOf(unix(1)).reflection, false);
    assert.equal(hidden.accessOf(anonymous).reflection, true);
  });
});

describe('a policy that is wrong is refused with the line', () => {
  for (const [what, text, message] of [
    [
      'a user that this host does not have',
      'rules:\n- users: [root, nobody-here]\n  may: [list]',
      'line 2: rules[0].users[1]: this host has no such name: "nobody-here"',
    ],
    [
      'a group that it does not have',
      'rules:\n- groups:\n  - none-such\n  may: []',
      'line 3: rules[0].groups[0]: this host has no such name: "none-such"',
    ],
    [
      'a rule that names nobody',
      'rules:\n- may: [list]',
      'line 2: rules[0]: names nobody: it needs users, groups or certificates',
    ],
    ['a key that is none', 'rule: []', 'line 1: rule: there is no such key'],
    [
      'an id that is none',
      'rules:\n- users: [-1]\n  may: []',
      'line 2: rules[0].users[0]: Too small: expected number to be >=0',
    ],
  ] as const) {
    it(what, () => {
      assert.throws(() => parsePolicy(text), { name: DocumentError.name, message });
    });
  }

  it('a name, while the accounts of this host cannot be read', () => {
    const unreadable = (): never => readFileSync('/no/such/file') as never;
    const accounts = { userNamed: unreadable, groupNamed: unreadable };
    assert.throws(() => parsePolicy('rules:\n- users: [1, root]\n  may: [list]', accounts), {
      name: DocumentError.name,
      message: 'line 2: rules[0].users[1]: "root": cannot look it up (ENOENT)',
    });
    assert.throws(() => parsePolicy('rules:\n- groups: [adm]\n  may: [list]', accounts), {
      name: DocumentError.name,
      message: 'line 2: rules[0].groups[0]: "adm": cannot look it up (ENOENT)',
    });
    parsePolicy('rules: [{users: [1], groups: [2], may: [list]}]', accounts);
  });

  it('when it says nothing, as what is left of a file that was cut off', () => {
    for (const text of ['', '# who may list\n', '---\n', '{}', 'null']) {
      assert.throws(() => parsePolicy(text), {
        name: DocumentError.name,
        message: 'line 1: it says nothing: it needs default, rules or reflection',
      });
    }
  });

  it('a permission that is none', () => {
    assert.throws(() => parsePolicy('rules:\n- users: [0]\n  may: [write]'), {
      message: /^line 3: rules\[0\]\.may\[0\]: .*"list"\|"command-lines"/,
    });
  });
});
