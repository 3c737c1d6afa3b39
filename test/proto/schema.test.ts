// The .proto files as they are written. What is compiled from them is compared in test/image/schema.test.ts.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import test from 'node:test';
import protobuf from 'protobufjs';
import { projectPath } from '../project-path.js';

interface FactField {
  name: string;
  number: number;
  label: string;
  type: string;
  default?: string;
  packed?: boolean;
  options?: Record<string, unknown>;
}
interface FactMessage {
  fields: FactField[];
  enums?: Record<string, Record<string, number>>;
  messages?: Record<string, FactMessage>;
}
interface FactFile {
  syntax: string;
  imports: string[];
  messages?: Record<string, FactMessage>;
  enums?: Record<string, Record<string, number>>;
  extensions?: { name: string; number: number; extendee: string; type: string }[];
}

const facts = JSON.parse(readFileSync(projectPath('fixtures/facts/schema.json'), 'utf8')) as Record<string, FactFile>;

/** Fields of crit's own (proto/README.md). */
const EXTENSION = 1000;
/** Imported where a field of crit's own has a display option. */
const OPTIONS = 'opts.proto';

/** @returns the field in the form of the facts */
function described(field: protobuf.Field): FactField {
  // As written: resolving would need the other files, and gives defaults to fields without one.
  const written = field.options ?? {};
  const display = Object.entries(written).flatMap(([key, value]) => {
    const name = /^\(criu\)\.(\w+)$/.exec(key)?.[1];
    return name === undefined ? [] : [[name, value] as const];
  });
  return {
    name: field.name,
    number: field.id,
    label: field.rule ?? 'optional',
    type: last(field.type),
    ...('default' in written ? { default: String(written['default']) } : {}),
    ...('packed' in written ? { packed: written['packed'] === true } : {}),
    ...(display.length > 0 ? { options: Object.fromEntries(display) } : {}),
  };
}

/** Types are written with or without the message that they are nested in. */
const last = (type: string): string => type.split('.').at(-1) ?? type;

const byNumber = <T extends { number: number }>(fields: T[]): T[] => fields.sort((a, b) => a.number - b.number);

function compareNamespace(
  where: string,
  namespace: protobuf.NamespaceBase,
  fact: Pick<FactFile, 'messages' | 'enums'>,
): void {
  const messages = namespace.nestedArray.filter((item) => item instanceof protobuf.Type);
  const enums = namespace.nestedArray.filter((item) => item instanceof protobuf.Enum);
  assert.deepEqual(
    enums.map((item) => item.name).sort(),
    Object.keys(fact.enums ?? {}).sort(),
    `${where}: the enums in it`,
  );
  for (const item of enums) assert.deepEqual({ ...item.values }, fact.enums?.[item.name], `${where}: enum ${item.name}`);
  assert.deepEqual(
    messages.map((item) => item.name).sort(),
    Object.keys(fact.messages ?? {}).sort(),
    `${where}: the messages in it`,
  );
  for (const message of messages) compareMessage(`${where}: ${message.name}`, message, fact.messages![message.name]!);
}

function compareMessage(where: string, message: protobuf.Type, fact: FactMessage): void {
  const fields = byNumber(message.fieldsArray.map(described));
  const own = fields.filter((field) => field.number >= EXTENSION).map((field) => field.name);
  const theirs = fields.filter((field) => !own.includes(field.name));
  for (const expected of byNumber([...fact.fields])) {
    const field = theirs.find((candidate) => candidate.number === expected.number);
    assert.deepEqual(field, { ...expected, type: last(expected.type) }, `${where}.${expected.name}`);
  }
  assert.deepEqual(
    theirs.map((field) => field.name),
    byNumber([...fact.fields]).map((field) => field.name),
    `${where}: no fields but CRIU's below ${EXTENSION}`,
  );
  compareNamespace(where, message, fact);
}

test('proto/ has the files of the wire format', () => {
  assert.deepEqual(
    readdirSync(projectPath('proto')).filter((name) => name.endsWith('.proto')),
    Object.keys(facts).sort(),
  );
});

for (const [name, fact] of Object.entries(facts)) {
  test(`proto/${name} declares what CRIU 4.2 declares there`, () => {
    const root = new protobuf.Root();
    const text = readFileSync(projectPath('proto', name), 'utf8');
    const parsed = protobuf.parse(text, root, { keepCase: true });
    assert.match(text, new RegExp(`^syntax = "${fact.syntax}";$`, 'm'), `${name}: syntax`);
    assert.equal(parsed.package ?? '', '', `${name}: package`);
    const imports = parsed.imports ?? [];
    assert.deepEqual(
      imports.filter((file) => file !== OPTIONS || fact.imports.includes(file)),
      fact.imports,
      `${name}: imports`,
    );
    if (text.includes('(criu).')) assert.ok(imports.includes(OPTIONS), `${name}: uses (criu) without ${OPTIONS}`);
    const extensions = root.nestedArray.filter((item) => item instanceof protobuf.Field);
    assert.deepEqual(
      extensions.map((field) => ({
        name: field.name,
        number: field.id,
        extendee: `.${(field.extend ?? '').replace(/^\./, '')}`,
        type: `.${field.type.replace(/^\./, '')}`,
      })),
      fact.extensions ?? [],
      `${name}: extensions`,
    );
    compareNamespace(name, root, fact);
  });
}
