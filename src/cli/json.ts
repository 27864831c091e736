/**
 * The proto3 JSON mapping, as grpcurl prints it. What ts-proto's toJSON gives differs from it
 * (durations, field masks), so the messages go through the schema.
 */
import { createFileRegistry, fromBinary, toJson, type FileRegistry } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { descriptors } from '../gen/descriptors.js';
import { ListSummary, WatchTapBindingsResponse } from '../gen/tapmap/v1/tap_binding_service.js';
import { TapBinding } from '../gen/tapmap/v1/tap_binding.js';
import type { TapBindingList } from '../client/list-tap-bindings.js';
import { printableJson } from './escape.js';

interface Encoder<T> {
  encode(message: T): { finish(): Uint8Array };
}

/** One JSON document in pieces: ListTapBindingsResponse for the whole list, `bindings` always set. */
export function* listingJson({
  bindings,
  summary,
}: TapBindingList): Generator<string, void, undefined> {
  const indented = (value: unknown, spaces: number): string =>
    printableJson(JSON.stringify(value, null, 2)).replaceAll('\n', `\n${' '.repeat(spaces)}`);
  yield '{\n  "bindings": [';
  for (const [index, binding] of bindings.entries()) {
    yield `${index === 0 ? '' : ','}\n    ${indented(mapped('TapBinding', TapBinding, binding), 4)}`;
  }
  yield bindings.length === 0 ? '],\n' : '\n  ],\n';
  yield `  "summary": ${indented(mapped('ListSummary', ListSummary, summary), 2)}\n}\n`;
}

/** One message of a watch stream as one line. */
export function watchJson(message: WatchTapBindingsResponse): string {
  const name = 'WatchTapBindingsResponse';
  return `${printableJson(JSON.stringify(mapped(name, WatchTapBindingsResponse, message)))}\n`;
}

let registry: FileRegistry | undefined;

function mapped<T>(name: string, encoder: Encoder<T>, message: T): unknown {
  registry ??= createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptors));
  const schema = registry.getMessage(`tapmap.v1.${name}`);
  if (schema === undefined) throw new Error(`the compiled schema has no message ${name}`);
  return toJson(schema, fromBinary(schema, encoder.encode(message).finish()));
}
