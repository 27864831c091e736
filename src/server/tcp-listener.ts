import { isLoopback, type TcpAddress } from '../address/address.js';
import { ServerError } from './error.js';
import { createListener, Listener, listening } from './listener.js';

/** Listens on loopback. Throws ServerError. */
export async function listenTcp(address: TcpAddress): Promise<Listener> {
  const server = createListener();
  server.listen({ host: address.host, port: address.port });
  await listening(server, address);
  const bound = server.address();
  // `localhost` is what /etc/hosts makes of it.
  if (bound === null || typeof bound === 'string' || !isLoopback(bound.address)) {
    server.close();
    throw new ServerError('ADDRESS', `tcp://${address.host}: resolves to no loopback address`);
  }
  return new Listener({ ...address, port: bound.port }, server, null);
}
