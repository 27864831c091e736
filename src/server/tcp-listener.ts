import { isLoopback, type TcpAddress } from '../address/address.js';
import { ServerError } from './error.js';
import { BACKLOG, createListener, Listener, listening } from './listener.js';

/** Listens on loopback, or where the address says if it speaks TLS. Throws ServerError. */
export async function listenTcp(
  address: TcpAddress,
  speaksTls: boolean,
  connectionsMax: number,
): Promise<Listener> {
  const server = createListener(connectionsMax);
  server.listen({ host: address.host, port: address.port, backlog: BACKLOG });
  await listening(server, address);
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new TypeError('no TCP address');
  // `localhost` is what /etc/hosts makes of it.
  if (!speaksTls && !isLoopback(bound.address)) {
    server.close();
    throw new ServerError(
      'ADDRESS',
      `tcp://${address.host}: resolves to no loopback address, and only with TLS may it be another`,
    );
  }
  return new Listener({ ...address, port: bound.port }, server, null);
}
