/** What a person who started the server reads on standard output. */
import { formatAddress, hostPort, type Address } from '../address/address.js';

const METHOD = 'tapmap.v1.TapBindingService/ListTapBindings';

/**
 * Where it listens, one line an address, and lines to paste that query it. `trouble` is why there is
 * nothing to see yet. `isDefault` tells that clients find the first address by themselves.
 * `program` is how a shell starts the command.
 */
export function announcement(
  addresses: readonly Address[],
  options: {
    readonly isDefault: boolean;
    readonly trouble: string | null;
    readonly program: string;
  },
): string {
  const lines = addresses.map((address) => `tapmap serves on ${formatAddress(address)}`);
  const [first] = addresses;
  if (options.trouble !== null) {
    lines.push(`No scan has finished yet: ${options.trouble}. Queries are answered once one has.`);
  }
  if (first !== undefined) {
    const flag = options.isDefault ? '' : ` --address ${shellWord(formatAddress(first))}`;
    lines.push('Ask it:', `  grpcurl -plaintext ${grpcurlTarget(first)} ${METHOD}`);
    lines.push(`  ${options.program} list${flag}`);
  }
  return `${lines.join('\n')}\n`;
}

function grpcurlTarget(address: Address): string {
  return address.kind === 'unix' ? `-unix ${shellWord(address.path)}` : hostPort(address);
}

/** So that a shell reads it as one word. */
function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
