// A call as bytes on HTTP/2, for what no client of gRPC does: half a request, or an answer that is not taken.
import { connect, constants, type ClientHttp2Stream, type ClientSessionOptions } from 'node:http2';
import type { TestContext } from 'node:test';

/** On a connection of its own, which ends with the test. `path` is `/SERVICE/METHOD`. */
export function rawCall(
  t: TestContext,
  authority: string,
  path: string,
  options: ClientSessionOptions = {},
): ClientHttp2Stream {
  const session = connect(authority, options);
  t.after(() => {
    session.destroy();
  });
  return session.request({
    [constants.HTTP2_HEADER_METHOD]: 'POST',
    [constants.HTTP2_HEADER_PATH]: path,
    [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
    te: 'trailers',
  });
}
