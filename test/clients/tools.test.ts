// grpcurl and ghz, which know of tapmap only what the server or the .proto files tell them.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { missing } from '../stage/ability.js';
import { run } from '../stage/command.js';
import { setStage, type Stage } from '../stage/stage.js';
import { until } from '../stage/until.js';
import { Server } from './server.js';

const noServer = missing('root', 'tun', 'netns');
const noGrpcurl = noServer || missing('command:grpcurl');
const noGhz = noServer || missing('command:ghz');

const PROTO = fileURLToPath(new URL('../../proto', import.meta.url));
const SERVICE = 'tapmap.v1.TapBindingService';

/** From where grpcurl knows the schema: from the server, or from the files. */
const SCHEMAS = {
  reflection: [],
  'the .proto files': ['-import-path', PROTO, '-proto', 'tapmap/v1/tap_binding_service.proto'],
};

interface ListMessage {
  readonly bindings?: readonly { readonly device: { readonly name: string } }[];
  readonly summary?: { readonly coverage: object };
}

/** A server, a device that nobody holds, and the request that is about that one. */
async function situation(stage: Stage): Promise<{ socket: string; device: string; query: string }> {
  const device = stage.unheldDevice();
  const server = new Server(stage);
  await server.start();
  const query = JSON.stringify({ filter: [{ device_name: device }] });
  return { socket: server.socket, device, query };
}

for (const [schema, flags] of Object.entries(SCHEMAS)) {
  test(`grpcurl lists, describes and calls by ${schema}`, { skip: noGrpcurl }, async (t) => {
    const { socket, device, query } = await situation(setStage(t));
    const target = flags.length === 0 ? ['-plaintext', '-unix', socket] : [];
    assert.match(run('grpcurl', ...flags, ...target, 'list'), new RegExp(`^${SERVICE}$`, 'm'));
    const methods = run('grpcurl', ...flags, ...target, 'list', SERVICE)
      .trim()
      .split('\n');
    assert.deepEqual(methods, [`${SERVICE}.ListTapBindings`, `${SERVICE}.WatchTapBindings`]);
    const described = run('grpcurl', ...flags, ...target, 'describe', 'tapmap.v1.Verdict');
    assert.match(described, /VERDICT_UNHELD = 3;/);
    const listed = JSON.parse(
      run(
        'grpcurl',
        ...flags,
        '-plaintext',
        '-unix',
        '-d',
        query,
        socket,
        `${SERVICE}/ListTapBindings`,
      ),
    ) as ListMessage;
    assert.deepEqual(
      listed.bindings?.map((binding) => binding.device.name),
      [device],
    );
    assert.ok(listed.summary?.coverage !== undefined);
  });

  test(`grpcurl watches by ${schema}`, { skip: noGrpcurl }, async (t) => {
    const stage = setStage(t);
    const { socket, device, query } = await situation(stage);
    const args = [...flags, '-plaintext', '-unix', '-d', query, socket];
    const watch = spawn('grpcurl', [...args, `${SERVICE}/WatchTapBindings`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const closed = once(watch, 'close');
    stage.atEnd(async () => {
      watch.kill();
      await closed;
    });
    let output = '';
    watch.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    await until('the snapshot is there', () => output.includes('"snapshotEnd"'), 20_000);
    assert.match(output, new RegExp(`"name": "${device}"`));
    stage.home.ip('link', 'del', device);
    await until('the change is there', () => output.includes('"CHANGE_TYPE_REMOVED"'), 20_000);
  });
}

const CALLS = 200;

test(`ghz makes ${CALLS} lists, four at a time, and none fails`, { skip: noGhz }, async (t) => {
  const { socket, query } = await situation(setStage(t));
  const report = run(
    'ghz',
    ...['--insecure', '--call', `${SERVICE}/ListTapBindings`, '--data', query],
    ...['--total', String(CALLS), '--concurrency', '4', '--format', 'json', `unix://${socket}`],
  );
  const { count, statusCodeDistribution, errorDistribution } = JSON.parse(report) as {
    count: number;
    statusCodeDistribution: object;
    errorDistribution: object;
  };
  assert.deepEqual(
    { count, statusCodeDistribution, errorDistribution },
    { count: CALLS, statusCodeDistribution: { OK: CALLS }, errorDistribution: {} },
  );
});
