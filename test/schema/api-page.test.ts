import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { descriptors } from '../../src/gen/descriptors.js';

const page = readFileSync(new URL('../../docs/api.md', import.meta.url), 'utf8');
const headings = [...page.matchAll(/^#+ (.+)$/gm)].map(([, text]) => text!);

const files = [
  ...createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptors)).files,
].filter(({ proto }) => proto.package === 'tapmap.v1');

test('the page of the API has all that is in the schema', () => {
  for (const { messages, enums, services } of files) {
    for (const { name } of [...messages, ...enums, ...services]) assert.ok(headings.includes(name));
    for (const { methods } of services) {
      for (const { name } of methods) assert.ok(headings.includes(name));
    }
    for (const { name, number } of messages.flatMap(({ fields }) => fields)) {
      assert.ok(page.includes(`| \`${name}\` | ${number} |`), name);
    }
    for (const { name, number } of enums.flatMap(({ values }) => values)) {
      assert.ok(page.includes(`| \`${name}\` | ${number} |`), name);
    }
  }
});

test('each of its links leads to one heading', () => {
  // As GitHub makes them of headings.
  const anchors = headings.map((text) =>
    text
      .toLowerCase()
      .replaceAll(/[^a-z0-9 _-]/g, '')
      .replaceAll(' ', '-'),
  );
  assert.equal(new Set(anchors).size, anchors.length);
  const links = [...page.matchAll(/\]\(#([^)]*)\)/g)].map(([, anchor]) => anchor!);
  assert.ok(links.length > 50);
  for (const link of links) assert.ok(anchors.includes(link), link);
});

test('each row of its tables has as many cells as its head', () => {
  for (const table of page.match(/(?:^\|.*\n)+/gm) ?? []) {
    const cells = table
      .trim()
      .split('\n')
      .map((row) => row.replaceAll('\\|', '').split('|').length);
    assert.deepEqual(new Set(cells).size, 1, table);
  }
});
