/** Lists the TAP and TUN devices of a host with their holders, or watches them. */
import { parseArgs } from 'node:util';
import { credentials, status } from '@grpc/grpc-js';
import {
  ListTapBindingsRequest,
  TapBindingFilter,
  TapBindingServiceClient,
  type ListTapBindingsResponse,
} from '../gen/tapmap/v1/tap_binding_service.js';
import { describe, isCallError } from './call-error.js';
import { printLine } from './print.js';
import { recordOf } from './replay.js';
import { PAUSE, watch } from './watch.js';

const USAGE =
  'usage: tapmap-client list|watch [--name GLOB] [--address unix:///PATH|tcp://HOST:PORT]';

class UsageError extends Error {}

const CHANNEL_OPTIONS = {
  // A server that is stopped or hangs keeps its connections: only an unanswered ping shows it.
  'grpc.keepalive_time_ms': 20_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.initial_reconnect_backoff_ms': PAUSE.first,
  'grpc.max_reconnect_backoff_ms': PAUSE.longest,
  'grpc.enable_http_proxy': 0,
};

async function main(args: string[]): Promise<void> {
  const { command, name, address } = parse(args);
  const client = new TapBindingServiceClient(
    dialTarget(address),
    // An address that is not of this machine wants TLS: credentials.createSsl(...).
    credentials.createInsecure(),
    CHANNEL_OPTIONS,
  );
  const filter = name === undefined ? [] : [TapBindingFilter.create({ deviceName: name })];
  try {
    await (command === 'list' ? list(client, filter) : watch(client, filter));
  } finally {
    client.close();
  }
}

function parse(args: string[]) {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: { name: { type: 'string' }, address: { type: 'string' } },
    });
    const [command, ...rest] = positionals;
    if ((command === 'list' || command === 'watch') && rest.length === 0) {
      return { command, name: values.name, address: values.address } as const;
    }
  } catch {
    // An option that there is not.
  }
  throw new UsageError(USAGE);
}

function dialTarget(given: string | undefined): string {
  const address = given ?? (process.env['TAPMAP_ADDRESS'] || 'unix:///run/tapmap/tapmap.sock');
  if (address.startsWith('unix:///')) return address;
  if (address.startsWith('tcp://')) return `dns:///${address.slice('tcp://'.length)}`;
  throw new UsageError(USAGE);
}

async function list(client: TapBindingServiceClient, filter: TapBindingFilter[]): Promise<void> {
  const stream = client.listTapBindings(ListTapBindingsRequest.create({ filter }));
  for await (const response of stream as AsyncIterable<ListTapBindingsResponse>) {
    for (const binding of response.bindings) await printLine(recordOf(binding));
  }
}

function exitCode(error: unknown): number {
  if (error instanceof UsageError) return 2;
  return isCallError(error) && error.code === status.INVALID_ARGUMENT ? 2 : 3;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0));
// Who reads the output has gone.
process.stdout.on('error', () => process.exit(0));

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(`error: ${describe(error)}`);
  process.exitCode = exitCode(error);
});
