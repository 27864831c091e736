/** The blocks of a page, and the commands in them. */

export interface Block {
  readonly kind: string;
  readonly text: string;
  /** Page and line. */
  readonly where: string;
}

export function blocksOf(name: string, page: string): Block[] {
  return [...page.matchAll(/^( *)```(\w+)\n(.*?)^ *```$/gms)].map(
    ([, indent = '', kind = '', text = ''], i, all) => ({
      kind,
      text: text.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
      where: `${name}:${page.slice(0, all[i]!.index).split('\n').length}`,
    }),
  );
}

/** Each command of a block with all of its lines: of quotes, and behind `\`, `|` and `&&`. */
export function commandsOf(text: string): string[] {
  const commands: string[] = [];
  let open = '';
  for (const line of text.trimEnd().split('\n')) {
    open += `${line}\n`;
    const isQuoted = (open.match(/'/g)?.length ?? 0) % 2 === 1;
    if (isQuoted || /(?:\\|\||&&)\n$/.test(open)) continue;
    commands.push(open.trim());
    open = '';
  }
  if (open !== '') throw new Error(`a command has no end: ${open}`);
  return commands;
}
