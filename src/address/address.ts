/** The addresses that a server listens on and a client connects to. */
import { BlockList, isIPv4, isIPv6 } from 'node:net';
import { AddressError } from './error.js';

export interface UnixAddress {
  readonly kind: 'unix';
  /** Absolute path of the socket, at most UNIX_PATH_MAX bytes. */
  readonly path: string;
}

export interface TcpAddress {
  readonly kind: 'tcp';
  /** IPv4 or IPv6 address (no brackets) or host name. */
  readonly host: string;
  /** 0 (a server only): any free port. */
  readonly port: number;
}

export type Address = UnixAddress | TcpAddress;

/** Longest path of a unix socket in bytes: sun_path less its closing NUL, see unix(7). */
const UNIX_PATH_MAX = 107;

const GRAMMAR = 'unix:///PATH or tcp://HOST:PORT';

/** Parses `unix:///PATH` or `tcp://HOST:PORT`, IPv6 in brackets. Throws AddressError. */
export function parseAddress(text: string): Address {
  if (text.startsWith('unix://')) return parseUnix(text, text.slice('unix://'.length));
  if (text.startsWith('tcp://')) return parseTcp(text, text.slice('tcp://'.length));
  throw new AddressError('SCHEME', `${quote(text)} is not ${GRAMMAR}`);
}

/** The inverse of parseAddress(). */
export function formatAddress(address: Address): string {
  return address.kind === 'unix' ? `unix://${address.path}` : `tcp://${hostPort(address)}`;
}

/** What grpc-js and grpcurl take for the address, see naming.md of gRPC. */
export function dialTarget(address: Address): string {
  return address.kind === 'unix' ? `unix://${address.path}` : hostPort(address);
}

/** `HOST:PORT`, IPv6 in brackets. */
export function hostPort({ host, port }: TcpAddress): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Whether a host (an IP address or a name) is this machine alone: 127.0.0.0/8, ::1, localhost. */
export function isLoopback(host: string): boolean {
  if (isIPv4(host)) return loopback.check(host, 'ipv4');
  if (isIPv6(host)) return !host.includes('%') && loopback.check(host, 'ipv6');
  return host.toLowerCase() === 'localhost';
}

function parseUnix(text: string, path: string): UnixAddress {
  const bytes = Buffer.byteLength(path);
  const fault = !path.startsWith('/')
    ? 'the path must be absolute, as in unix:///run/tapmap/tapmap.sock'
    : /[\p{Cc}]/u.test(path)
      ? 'the path has control characters'
      : /(?:^|\/)\.{0,2}$/.test(path)
        ? 'the path names a directory'
        : bytes > UNIX_PATH_MAX
          ? `the path has ${bytes} bytes, a socket's may have ${UNIX_PATH_MAX}`
          : null;
  if (fault !== null) throw new AddressError('PATH', `${quote(text)}: ${fault}`);
  return { kind: 'unix', path };
}

function parseTcp(text: string, authority: string): TcpAddress {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::([^:]*))?$/.exec(authority);
  if (match === null) {
    const hint = isIPv6(authority.replace(/:\d*$/, '')) ? ' (an IPv6 host needs brackets)' : '';
    throw new AddressError('HOST', `${quote(text)} is not tcp://HOST:PORT${hint}`);
  }
  const [, bracketed, plain, digits] = match;
  const host = bracketed ?? plain ?? '';
  const valid = bracketed === undefined ? isIPv4(host) || isHostName(host) : isIPv6(host);
  if (!valid) throw new AddressError('HOST', `${quote(text)}: ${quote(host)} is not a host`);
  if (digits === undefined || !/^\d{1,5}$/.test(digits) || Number(digits) > 0xffff) {
    throw new AddressError('PORT', `${quote(text)}: the port must be a number from 0 to 65535`);
  }
  return { kind: 'tcp', host, port: Number(digits) };
}

/** RFC 1123, and not all digits and dots: that would be a mistyped IPv4 address. */
function isHostName(host: string): boolean {
  return (
    host.length <= 253 &&
    !/^[\d.]*$/.test(host) &&
    host.split('.').every((label) => /^[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?$/i.test(label))
  );
}

/** Control characters of a mistyped argument must not reach a terminal. */
function quote(text: string): string {
  return JSON.stringify(text);
}
