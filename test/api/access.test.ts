// What the access policy lets a client see, and what becomes of it when the policy changes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { status } from '@grpc/grpc-js';
import type { AccessControl } from '../../src/api/admission.js';
import type { Peer } from '../../src/access/peer.js';
import { SnapshotReason, View } from '../../src/gen/tapmap/v1/tap_binding_service.js';
import { binding, holder, observed } from '../store/observations.js';
import { until } from '../stage/until.js';
import { errorDetails } from './error-details.js';
import { failure, serve } from './server.js';

const FIELDS = ['holders.process.command_line', 'last_holder.process.command_line'];

const HELD = binding(1, { holders: [holder(7)] });

/** A policy that the test changes. */
class Policy implements AccessControl {
  list = true;
  commandLines = true;
  peer: Peer = { kind: 'unix', credentials: { uid: 5, gids: [], pid: 7 } };

  peerOf(): Peer {
    return this.peer;
  }

  accessOf() {
    return { list: this.list, commandLines: this.commandLines, reflection: true };
  }
}

test('a list shows no command lines that the policy withholds, and says so', async (t) => {
  const access = new Policy();
  const server = await serve(t, { access });
  server.store.apply(observed(1_000, [HELD]));
  const open = await server.list({ view: View.VIEW_FULL });
  const line = open.bindings[0]?.holders[0]?.process?.commandLine;
  assert.ok(line !== undefined && line.length > 0);
  assert.deepEqual(open.summary.coverage?.redactedFields, []);

  access.commandLines = false;
  const redacted = await server.list({ view: View.VIEW_FULL });
  assert.deepEqual(redacted.summary.coverage?.redactedFields, FIELDS);
  const [shown] = redacted.bindings;
  assert.deepEqual(shown?.holders[0]?.process?.commandLine, []);
  assert.ok(shown.device?.statistics, 'all else of the view is there');

  const basic = await server.list({ view: View.VIEW_BASIC });
  assert.deepEqual(basic.summary.coverage?.redactedFields, [], 'the view has no command lines');
});

test('a list and a watch are refused with who the server takes the client for', async (t) => {
  const access = new Policy();
  access.list = false;
  const server = await serve(t, { access });
  server.store.apply(observed(1_000, []));
  const watch = server.watch();
  for (const error of [await failure(server.list()), await watch.status]) {
    assert.equal(error.code, status.PERMISSION_DENIED);
    assert.equal(errorDetails(error).reason, 'ACCESS_DENIED');
    assert.match(error.details, /^uid 5 \(pid 7\) may not list/);
  }
  access.peer = { kind: 'tcp', address: 'a', port: 1, plaintext: true, certificate: null };
  const anonymous = await failure(server.list());
  assert.equal(anonymous.code, status.UNAUTHENTICATED);
  assert.equal(errorDetails(anonymous).reason, 'NO_CREDENTIALS');
});

test('a list that waits for its scan is answered by the policy of then', async (t) => {
  const access = new Policy();
  let scanned = (): void => undefined;
  const scanNow = async (): Promise<void> =>
    new Promise((resolve) => {
      scanned = resolve;
      access.list = false;
    });
  const server = await serve(t, { access, scanNow });
  server.store.apply(observed(1_000, [HELD]));
  const answer = failure(server.list({ fresh: true }));
  await until('it waits', () => !access.list);
  scanned();
  assert.equal((await answer).code, status.PERMISSION_DENIED);
});

test('watchers of the same, one of them redacted, get what each may see', async (t) => {
  const access = new Policy();
  const server = await serve(t, { access });
  server.store.apply(observed(1_000, []));
  const open = server.watch({ view: View.VIEW_FULL });
  await open.reached(1);
  access.commandLines = false;
  const redacted = server.watch({ view: View.VIEW_FULL });
  await redacted.reached(1);
  server.store.apply(observed(2_000, [HELD]));
  await Promise.all([open.reached(2), redacted.reached(2)]);
  const lineOf = (watch: typeof open) =>
    [...watch.replay.bindings.values()][0]?.holders[0]?.process?.commandLine.length;
  assert.ok(lineOf(open)! > 0);
  assert.equal(lineOf(redacted), 0);
});

test('a watcher that the policy turns against is ended', async (t) => {
  const access = new Policy();
  const server = await serve(t, { access });
  server.store.apply(observed(1_000, [HELD]));
  const watch = server.watch();
  await watch.reached(1);
  access.list = false;
  server.accessChanged();
  assert.equal((await watch.status).code, status.PERMISSION_DENIED);
});

test('a watcher that is to see more or less is ended, and begins anew where it resumes', async (t) => {
  const access = new Policy();
  const server = await serve(t, { access });
  server.store.apply(observed(1_000, [HELD]));
  const full = server.watch({ view: View.VIEW_FULL });
  const basic = server.watch({ view: View.VIEW_BASIC });
  await Promise.all([full.reached(1), basic.reached(1)]);
  access.commandLines = false;
  server.accessChanged();
  const error = await full.status;
  assert.equal(error.code, status.ABORTED);
  assert.equal(errorDetails(error).reason, 'ACCESS_CHANGED');

  const again = server.watch({ view: View.VIEW_FULL, resumeToken: full.lastToken });
  await again.reached(1);
  const [begin] = again.events('snapshotBegin');
  assert.equal(begin?.reason, SnapshotReason.SNAPSHOT_REASON_ACCESS_CHANGED);
  const [shown] = again.replay.bindings.values();
  assert.deepEqual(shown?.holders[0]?.process?.commandLine, []);

  // Nothing is different for a view without command lines, before and after.
  server.store.apply(observed(2_000, [HELD, binding(2)]));
  await basic.reached(2);
  const resumed = server.watch({ view: View.VIEW_BASIC, resumeToken: basic.lastToken });
  await resumed.messageCount(1);
  assert.deepEqual(resumed.events('snapshotBegin'), []);
});
