// Writes docs/api.md, the API as a page, from the comments of proto/. Part of `npm run generate`.
import { writeFileSync } from 'node:fs';
import { createFileRegistry, fromBinary, ScalarType } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { compiledSchema } from './schema.mjs';

const PACKAGE = 'tapmap.v1';
const PAGE = 'docs/api.md';
const SERVICE_FILE = `${PACKAGE.replace('.', '/')}/tap_binding_service`;
const WELL_KNOWN = 'https://protobuf.dev/reference/protobuf/google.protobuf/#';

// Where descriptor.proto has what in a file, which is how comments are found: SourceCodeInfo.Location.path.
const IN_FILE = { message: 4, enum: 5, service: 6 };
const IN_MESSAGE = { field: 2, oneof: 8 };
const IN_ENUM = 2;
const IN_SERVICE = 2;

/** @returns {(...path: number[]) => string} the comment at a path of a file, as Markdown */
function commentsOf(file) {
  const comments = new Map(
    (file.proto.sourceCodeInfo?.location ?? []).map(({ path, leadingComments }) => [
      path.join(' '),
      leadingComments.replace(/^ /gm, '').trim(),
    ]),
  );
  return (...path) => {
    const comment = comments.get(path.join(' '));
    if (comment) return comment;
    throw new Error(`${file.name}: what is at ${path.join('.')} has no comment`);
  };
}

/** A comment as one cell of a table. */
function cell(text) {
  return text.replaceAll('\n\n', '<br><br>').replaceAll('\n', ' ').replaceAll('|', '\\|');
}

function link(type) {
  if (type.file.proto.package === PACKAGE) return `[${type.name}](#${type.name.toLowerCase()})`;
  return `[${type.typeName}](${WELL_KNOWN}${type.name.toLowerCase()})`;
}

/** The type of a field, and what tells that it was not set. */
function typeOf(field) {
  const type = field.message ?? field.enum;
  const name = type ? link(type) : ScalarType[field.scalar].toLowerCase();
  if (field.fieldKind === 'list') return `repeated ${name}`;
  if (field.oneof !== undefined) return `${name}, one of \`${field.oneof.name}\``;
  return field.proto.proto3Optional ? `optional ${name}` : name;
}

function servicePart(service, comment, index) {
  const methods = service.methods.map(({ name, input, output, methodKind, proto }, method) => {
    const stream = methodKind === 'server_streaming' ? 'a stream of ' : '';
    const deprecated = proto.options?.deprecated ? ' Deprecated.' : '';
    return [
      `### ${name}`,
      `${link(input)} → ${stream}${link(output)}.${deprecated}`,
      comment(IN_FILE.service, index, IN_SERVICE, method),
    ];
  });
  return [`## ${service.name}`, comment(IN_FILE.service, index), ...methods.flat()];
}

function messagePart(message, comment, index) {
  if (message.nestedMessages.length + message.nestedEnums.length > 0) {
    throw new Error(`${message.typeName}: nested types are not on the page`);
  }
  const here = [IN_FILE.message, index];
  const rows = message.fields.map((field, at) => {
    const deprecated = field.deprecated ? 'Deprecated. ' : '';
    const what = deprecated + cell(comment(...here, IN_MESSAGE.field, at));
    return `| \`${field.name}\` | ${field.number} | ${typeOf(field)} | ${what} |`;
  });
  const oneofs = message.oneofs.map(({ name }, at) => {
    return `One of \`${name}\`: ${comment(...here, IN_MESSAGE.oneof, at)}`;
  });
  const table = ['| field | number | type | what |', '| --- | --- | --- | --- |', ...rows];
  const fields = rows.length === 0 ? 'It has no fields.' : table.join('\n');
  return [`### ${message.name}`, comment(...here), ...oneofs, fields];
}

function enumPart(type, comment, index) {
  const rows = type.values.map(({ name, number, deprecated }, at) => {
    const what = cell(comment(IN_FILE.enum, index, IN_ENUM, at));
    return `| \`${name}\` | ${number} | ${deprecated ? 'Deprecated. ' : ''}${what} |`;
  });
  const table = ['| value | number | what |', '| --- | --- | --- |', ...rows].join('\n');
  return [`### ${type.name}`, comment(IN_FILE.enum, index), table];
}

function page(files) {
  const parts = (of, part) => {
    return files.flatMap((file) => of(file).flatMap((what, i) => part(what, commentsOf(file), i)));
  };
  const names = (of) => files.flatMap(of).map(link).join(' · ');
  return [
    `# The API: ${PACKAGE}`,
    `<!-- Made by tools/api-page.mjs from the comments of proto/: change those, and run \`npm run generate\`. -->`,
    'What a client may rely on, as the comments of `proto/` say it. A field whose type is a message may be ' +
      'unset, and so may an `optional` one; of all others, unset is 0, empty, false or `UNSPECIFIED`. New ' +
      'fields and new values of enums may come at any time; what is here stays.',
    `Messages: ${names((file) => file.messages)}`,
    `Enums: ${names((file) => file.enums)}`,
    ...parts((file) => file.services, servicePart),
    '## Messages',
    ...parts((file) => file.messages, messagePart),
    '## Enums',
    ...parts((file) => file.enums, enumPart),
  ].join('\n\n');
}

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, compiledSchema()));
const files = [...registry.files]
  .filter(({ proto }) => proto.package === PACKAGE)
  // What is asked before what is answered.
  .sort((a, b) => Number(b.name === SERVICE_FILE) - Number(a.name === SERVICE_FILE));
writeFileSync(PAGE, `${page(files)}\n`);
