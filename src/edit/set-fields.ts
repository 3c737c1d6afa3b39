import { printImage } from '../decode/print-image.js';
import { canonicalJson } from '../encode/canonical-json.js';
import { encodeJson } from '../encode/encode-json.js';
import { JsonReader, type JsonValue } from '../encode/json-reader.js';
import { CritError, ImageError } from '../image/errors.js';
import type { EditedSet } from './edited-set.js';
import { findField } from './field-path.js';

/** The JSON of an image as a tree. */
function treeOf(set: EditedSet, name: string): { entries: JsonValue[] } {
  const parts: Uint8Array[] = [];
  printImage(set.bytes(name), (chunk) => parts.push(Buffer.from(chunk)));
  return new JsonReader(Buffer.concat(parts)).value() as { entries: JsonValue[] };
}

/** What a text stands for in the place of a value: text where there is text, JSON where there is something else. */
function valueFor(present: JsonValue | undefined, text: string): JsonValue {
  if (typeof present === 'string') return text;
  if (/^0x[0-9a-f]+$/i.test(text)) return BigInt(text);
  try {
    const reader = new JsonReader(Buffer.from(text));
    const value = reader.value();
    reader.expectEnd();
    return value;
  } catch (error) {
    if (present === undefined) return text;
    throw new CritError(`${JSON.stringify(text)} is no value: ${(error as Error).message}`, { code: 'BAD_ARGUMENT' });
  }
}

/** A change of one field: what it is called, and its value as text. */
export interface FieldChange {
  readonly path: string;
  readonly value: string;
}

/** `thread_core.comm=x` @throws CritError BAD_ARGUMENT */
export function parseFieldChange(text: string): FieldChange {
  const equals = text.indexOf('=');
  if (equals < 1) throw new CritError(`${JSON.stringify(text)}: a change goes FIELD=VALUE`, { code: 'BAD_ARGUMENT' });
  return { path: text.slice(0, equals), value: text.slice(equals + 1) };
}

/**
 * Sets fields of an image by their names in its JSON, as `crit show` prints it.
 * @returns for each change a line that says what was and what is
 * @throws CritError BAD_ARGUMENT when a path leads nowhere or to several places; ImageError BAD_JSON when a value does not fit
 */
export function setFields(set: EditedSet, name: string, changes: readonly FieldChange[]): string[] {
  const tree = treeOf(set, name);
  const lines = changes.map(({ path, value }) => {
    const { holder, key, path: full } = findField(tree, path);
    const places = holder as Record<string | number, JsonValue>;
    const before = Object.hasOwn(places, key) ? places[key] : undefined;
    places[key] = valueFor(before, value);
    const place = full.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('');
    return `${name}: entries${place}: ${before === undefined ? 'nothing' : canonicalJson(before)} -> ${canonicalJson(places[key])}`;
  });
  const bytes: Uint8Array[] = [];
  try {
    encodeJson(Buffer.from(canonicalJson(tree)), (chunk) => bytes.push(chunk.slice()));
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    // the text that a line and a column would be of is nobody's
    const { reason, fieldPath } = error;
    throw new ImageError(
      reason,
      { file: name, ...(fieldPath === undefined ? {} : { fieldPath }) },
      { code: error.code },
    );
  }
  set.replace(name, (write) => {
    bytes.forEach(write);
  });
  return lines;
}
