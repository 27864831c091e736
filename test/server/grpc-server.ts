// The gRPC side alone, without a store behind it: what it says of itself.
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import {
  credentials,
  makeGenericClientConstructor,
  type Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ServiceError,
  type StatusObject,
} from '@grpc/grpc-js';
import { service as health } from 'grpc-health-check';
import { DEFAULT_LIMITS, type Limits } from '../../src/api/limits.js';
import { GrpcServer } from '../../src/server/grpc-server.js';

const NO_SERVICE = { listTapBindings: () => undefined, watchTapBindings: () => undefined };
const AnyClient = makeGenericClientConstructor({}, 'Any');
export const REFLECTION = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';

/** A stream, and what came of it. */
export class Stream<Call extends ClientReadableStream<unknown>> {
  readonly said: unknown[] = [];
  readonly status: Promise<StatusObject>;

  constructor(readonly call: Call) {
    call.on('data', (message) => this.said.push(message));
    call.on('error', () => undefined); // Told by the status too.
    this.status = new Promise((resolve) => call.on('status', resolve));
  }

  async cancel(): Promise<void> {
    this.call.cancel();
    await this.status;
  }
}

export class TestGrpcServer {
  constructor(
    readonly grpc: GrpcServer,
    /** Of its socket. */
    readonly path: string,
    private readonly client: Client,
  ) {}

  /** Resolves with what Health.Check says of the service, or with the error. */
  check(name: string): Promise<unknown> {
    const { path, requestSerialize, responseDeserialize } = health['Check']!;
    return new Promise((resolve) => {
      const answer = (error: ServiceError | null, response: unknown): void => {
        resolve(error ?? response);
      };
      this.client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        { service: name },
        answer,
      );
    });
  }

  watch(name: string): Stream<ClientReadableStream<unknown>> {
    const { path, requestSerialize, responseDeserialize } = health['Watch']!;
    return new Stream(
      this.client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, {
        service: name,
      }),
    );
  }

  /** Requests and responses of reflection are sent as bytes. */
  reflect(): Stream<ClientDuplexStream<Buffer, Buffer>> {
    const asIs = (bytes: Buffer): Buffer => bytes;
    return new Stream(this.client.makeBidiStreamRequest(REFLECTION, asIs, asIs));
  }
}

/** One that ends with the test. */
export async function serveGrpc(
  test: TestContext,
  limits: Partial<Limits> = {},
): Promise<TestGrpcServer> {
  const directory = await mkdtemp(join(tmpdir(), 'tapmap-grpc-'));
  const path = join(directory, 's.sock');
  const grpc = new GrpcServer(NO_SERVICE, {
    mayReflect: () => true,
    limits: { ...DEFAULT_LIMITS, ...limits },
  });
  const listener = createServer({ pauseOnConnect: true }, (connection) => {
    grpc.accept(connection);
  });
  await new Promise<void>((resolve) => listener.listen(path, resolve));
  const client = new AnyClient(`unix://${path}`, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
  });
  test.after(async () => {
    client.close();
    listener.close();
    await grpc.shutdown(0);
    await rm(directory, { recursive: true });
  });
  return new TestGrpcServer(grpc, path, client);
}
