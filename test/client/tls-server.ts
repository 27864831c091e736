/** A server over TLS on loopback that lists one device, and watches nothing. */
import type { TestContext } from 'node:test';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { ServerWritableStream } from '@grpc/grpc-js';
import { TapBindingServiceService } from '../../src/gen/tapmap/v1/tap_binding_service.js';
import { HELD, summary } from '../cli/sample.js';
import { answering } from '../cli/stage.js';
import { pem, type Identity } from '../stage/authority.js';
import { emptySnapshot } from './scripted.js';

export interface TlsServer {
  readonly address: string;
  /** Common names of the certificates of clients, one a call; empty: it showed none. */
  readonly clients: string[];
  kill(): void;
}

/** `clientCa`: clients need a certificate of that authority. `port`: default any. */
export async function serveTls(
  test: TestContext,
  { certificate, key }: Identity,
  { clientCa, port = 0 }: { clientCa?: string; port?: number } = {},
): Promise<TlsServer> {
  const clients: string[] = [];
  const server = new Server();
  const note = (call: ServerWritableStream<unknown, unknown>): void => {
    clients.push(String(call.getAuthContext().sslPeerCertificate?.subject.CN ?? ''));
  };
  const { list } = answering([HELD], summary());
  server.addService(TapBindingServiceService, {
    listTapBindings: (call: Parameters<NonNullable<typeof list>>[0]) => {
      note(call);
      list?.(call);
    },
    watchTapBindings: (call: ServerWritableStream<unknown, unknown>) => {
      note(call);
      for (const message of emptySnapshot('t1')) call.write(message);
    },
  });
  const pair = { private_key: pem(key), cert_chain: pem(certificate) };
  const credentials = ServerCredentials.createSsl(
    clientCa === undefined ? null : pem(clientCa),
    [pair],
    clientCa !== undefined,
  );
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, credentials, (error, got) => {
      if (error === null) resolve(got);
      else reject(error);
    });
  });
  const kill = (): void => {
    server.forceShutdown();
  };
  test.after(kill);
  return { address: `tcp://127.0.0.1:${bound}`, clients, kill };
}
