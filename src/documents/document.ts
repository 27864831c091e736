/**
 * Documents that people write: YAML 1.2, and so JSON, too. What is wrong is told with its line. For what
 * the words mean see the schema of each.
 */
import { isMap, isNode, isScalar, LineCounter, parseDocument, type Document } from 'yaml';
import type { z } from 'zod';
import { DocumentError } from './error.js';

type Path = readonly PropertyKey[];

/**
 * What `text` says, in the form of `schema`. An empty document is an empty map. `more` may find what no schema
 * can, such as names that do not exist. Throws DocumentError.
 */
export function readDocument<Schema extends z.ZodType>(
  text: string,
  schema: Schema,
  more: (value: z.output<Schema>, fail: (path: Path, why: string) => never) => void = () =>
    undefined,
): z.output<Schema> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const [fault] = document.errors;
  if (fault !== undefined) {
    // The rest of the message is an excerpt of the document.
    const why = fault.message.split('\n')[0]!.replace(/ at line \d+, column \d+:?$/, '');
    throw new DocumentError(fault.linePos?.[0].line ?? 1, '', why);
  }
  const fail = (path: Path, why: string): never => {
    throw new DocumentError(lineOf(document, lines, path), pathText(path), why);
  };
  const result = schema.safeParse(valueOf(document));
  if (!result.success) return fail(...firstIssue(result.error));
  more(result.data, fail);
  return result.data;
}

function valueOf(document: Document): unknown {
  try {
    return document.toJS() ?? {};
  } catch (error) {
    // Aliases that would make more of a document than anybody can mean.
    throw new DocumentError(1, '', error instanceof Error ? error.message : 'it cannot be read');
  }
}

/** The innermost: a union says only that nothing of it fits. */
function firstIssue(error: z.ZodError): [Path, string] {
  const issue = error.issues[0]!;
  const [unknown] = issue.code === 'unrecognized_keys' ? issue.keys : [];
  if (unknown !== undefined) return [[...issue.path, unknown], 'there is no such key'];
  return [issue.path, issue.message];
}

/** Of the key, where there is one: a value may begin on a later line. */
function lineOf(document: Document, lines: LineCounter, path: Path): number {
  for (let length = path.length; length > 0; length--) {
    const parent: unknown =
      length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true);
    const last = path[length - 1];
    const key = isMap(parent)
      ? parent.items.find(({ key }) => isScalar(key) && key.value === last)?.key
      : document.getIn(path.slice(0, length), true);
    if (isNode(key) && key.range) return lines.linePos(key.range[0]).line;
  }
  return 1;
}

/** `rules[0].may`. */
function pathText(path: Path): string {
  return path
    .map((part, index) =>
      typeof part === 'number' ? `[${part}]` : `${index === 0 ? '' : '.'}${String(part)}`,
    )
    .join('');
}
