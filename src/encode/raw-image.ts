import { isRawType, RAW_FORMAT } from '../decode/raw/recognise.js';
import type { RawImageType } from '../image/catalogue.js';
import { viewRaw } from '../decode/raw/raw-view.js';
import { ImageError } from '../image/errors.js';

const bad = (file: string | undefined, fieldPath: string, reason: string): ImageError =>
  new ImageError(reason, { file, fieldPath }, { code: 'BAD_JSON' });

const show = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 40));

/** Views are derived from the bytes; they are compared, so that an edit of one is not lost in silence. */
const VIEWS = ['messages', 'entries'] as const;

function equal(a: unknown, b: unknown): boolean {
  if (typeof a === 'bigint' || typeof b === 'bigint') {
    const whole = (value: unknown): value is number | bigint =>
      typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value));
    return whole(a) && whole(b) && BigInt(a) === BigInt(b);
  }
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, i) => equal(item, b[i]));
  if (a !== null && typeof a === 'object') {
    if (b === null || typeof b !== 'object' || Array.isArray(b)) return false;
    const keys = Object.keys(a);
    const other = b as Record<string, unknown>;
    return (
      keys.length === Object.keys(b).length &&
      keys.every((key) => equal((a as Record<string, unknown>)[key], other[key]))
    );
  }
  return a === b;
}

/** Base64 with line breaks as decode writes it, or without. */
function base64(text: unknown, file: string | undefined): Buffer {
  if (typeof text !== 'string') throw bad(file, 'raw.data', `expected base64 text, got ${show(text)}`);
  if (text.startsWith('...')) {
    throw bad(file, 'raw.data', 'the bytes were left out (--nopl): decode the image again without --nopl');
  }
  const compact = text.replace(/\s/g, '');
  if (compact.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(compact)) {
    const preview = JSON.stringify(text.length > 20 ? `${text.slice(0, 20)}...` : text);
    throw bad(file, 'raw.data', `expected base64 text, got ${preview}`);
  }
  return Buffer.from(compact, 'base64');
}

async function checkViews(
  type: RawImageType,
  raw: Readonly<Record<string, unknown>>,
  bytes: Buffer,
  file: string | undefined,
): Promise<void> {
  const given = VIEWS.find((key) => raw[key] !== undefined);
  if (given === undefined) return;
  const { fields } = await viewRaw(type, [bytes]);
  if (equal(fields[given], raw[given])) return;
  throw bad(
    file,
    `raw.${given}`,
    `differs from what raw.data says; it is only a view of those bytes: change raw.data, or leave raw.${given} out`,
  );
}

/**
 * The bytes of a raw image from `{"magic": TYPE, "raw": {...}}`, as decode prints it.
 * `raw.text` is taken for text formats and may be edited; else `raw.data`, base64, is the image.
 * @param file where the JSON is from, for the error
 * @throws ImageError BAD_JSON, naming the field
 */
export async function encodeRaw(type: string, raw: unknown, file?: string): Promise<Uint8Array> {
  if (!isRawType(type)) throw bad(file, 'magic', `${type} is not a raw image`);
  if (raw === null || typeof raw !== 'object' || Array.isArray(raw)) {
    throw bad(file, 'raw', `expected an object, got ${show(raw)}`);
  }
  const fields = raw as Readonly<Record<string, unknown>>;
  if (RAW_FORMAT[type] === 'pages') {
    throw bad(
      file,
      'raw',
      'a pages image is only summarised by decode, its bytes are not in the JSON: copy the file instead',
    );
  }
  if (fields['data'] !== undefined) {
    const bytes = base64(fields['data'], file);
    await checkViews(type, fields, bytes, file);
    return bytes;
  }
  const { text } = fields;
  if (text === undefined) throw bad(file, 'raw.data', 'missing');
  if (typeof text !== 'string') throw bad(file, 'raw.text', `expected text, got ${JSON.stringify(text)}`);
  return Buffer.from(text, 'utf8');
}
