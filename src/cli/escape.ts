/**
 * Interface names, command names and command lines are chosen by strangers. These characters would
 * act on a terminal instead of showing: controls (C0, DEL, C1), invisible and bidirectional
 * formatting, line separators, lone surrogates.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** The text with everything that could act on a terminal shown as `\n`, `\x1b` or `\u202e`. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, escapeOne);
}

/** The same for text that must stay one word for awk: white space is escaped too. */
export function printableWord(text: string): string {
  return printable(text).replace(/\s/gu, escapeOne);
}

/** JSON text that means the same and is safe to print: JSON.stringify leaves DEL and C1 as they are. */
export function printableJson(json: string): string {
  return json.replace(/[^\P{Cc}\n]|[\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (character) =>
    Array.from(
      { length: character.length },
      (_, unit) => `\\u${character.charCodeAt(unit).toString(16).padStart(4, '0')}`,
    ).join(''),
  );
}

const SHORT = new Map([
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);

function escapeOne(character: string): string {
  const code = character.codePointAt(0)!;
  const hex = code.toString(16);
  const long = code > 0xff ? (code > 0xffff ? `\\u{${hex}}` : `\\u${hex.padStart(4, '0')}`) : null;
  return SHORT.get(character) ?? long ?? `\\x${hex.padStart(2, '0')}`;
}
