import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import schema from '../../src/image/generated/schema.js';
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
type FactFile = { messages?: Record<string, FactMessage>; enums?: Record<string, Record<string, number>> };

const facts = JSON.parse(readFileSync(projectPath('fixtures/facts/schema.json'), 'utf8')) as Record<string, FactFile>;
const compiled = schema as unknown as {
  enums: Record<string, Record<string, number>>;
  messages: Record<
    string,
    { name: string; number: number; label: string; kind: string; type?: string; default?: string | number | boolean }[]
  >;
};

/** Fields of crit's own; CRIU skips them. */
const EXTENSION = 1000;

function compareMessage(name: string, fact: FactMessage): void {
  test(`message ${name} has CRIU's fields: names, numbers, labels, types, defaults and display options`, () => {
    const fields = compiled.messages[name] ?? [];
    const own = fields.filter((field) => field.number < EXTENSION).sort((a, b) => a.number - b.number);
    const theirs = [...fact.fields].sort((a, b) => a.number - b.number);
    assert.deepEqual(
      own.map(({ name: n, number, label, kind, type, default: byDefault, ...options }) => ({
        name: n,
        number,
        label,
        type: type?.split('.').at(-1) ?? kind,
        default: byDefault === undefined ? undefined : `${byDefault}`,
        ...options,
      })),
      theirs.map((field) => ({
        name: field.name,
        number: field.number,
        label: field.label,
        type: field.type.split('.').at(-1),
        default: field.default === undefined ? undefined : field.default,
        ...(field.packed === undefined ? {} : { packed: field.packed }),
        ...field.options,
      })),
    );
    for (const field of fields)
      if (field.number >= EXTENSION) assert.notEqual(field.label, 'required', `${name}.${field.name}`);
  });
  for (const [inner, values] of Object.entries(fact.enums ?? {})) compareEnum(`${name}.${inner}`, values);
  for (const [inner, message] of Object.entries(fact.messages ?? {})) compareMessage(`${name}.${inner}`, message);
}

function compareEnum(name: string, values: Record<string, number>): void {
  test(`enum ${name} has CRIU's values`, () => {
    const own = Object.entries(compiled.enums[name] ?? {}).filter(([value]) => !(value in values));
    assert.deepEqual(compiled.enums[name], { ...values, ...Object.fromEntries(own) });
    for (const [value, number] of own) assert.ok(number >= EXTENSION, `${name}.${value}`);
  });
}

for (const file of Object.values(facts)) {
  for (const [name, values] of Object.entries(file.enums ?? {})) compareEnum(name, values);
  for (const [name, message] of Object.entries(file.messages ?? {})) compareMessage(name, message);
}
