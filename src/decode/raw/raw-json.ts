import type { RawView } from './raw-view.js';
import type { RawValue } from './raw-value.js';

/** How a raw image is printed. */
export interface RawJsonOptions {
  /** One line, or an indent of four: the two ways of the Python crit. */
  readonly pretty: boolean;
  /** Say how many bytes `data` has instead of what they are. */
  readonly noPayload: boolean;
}

// JSON.stringify leaves DEL and what is not ASCII as it is.
const NOT_PLAIN = /[\x7f-\uffff]/g;

const text = (value: string): string =>
  JSON.stringify(value).replace(NOT_PLAIN, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);

function write(value: RawValue, indent: string | undefined): string {
  if (typeof value === 'string') return text(value);
  if (value === null || typeof value !== 'object') return String(value);
  const inner = indent === undefined ? undefined : `${indent}    `;
  const items = Array.isArray(value)
    ? (value as readonly RawValue[]).map((item) => write(item, inner))
    : Object.entries(value).map(([key, item]) => `${text(key)}: ${write(item, inner)}`);
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  if (items.length === 0) return `${open}${close}`;
  if (inner === undefined) return `${open}${items.join(', ')}${close}`;
  return `${open}\n${inner}${items.join(`,\n${inner}`)}\n${indent}${close}`;
}

/** A base64 line of 76 characters holds this many bytes. */
const LINE_BYTES = 57;

async function* base64Lines(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<string> {
  let rest: Buffer = Buffer.alloc(0);
  const lines = (bytes: Buffer): string => {
    let out = '';
    for (let at = 0; at < bytes.length; at += LINE_BYTES) out += `${bytes.toString('base64', at, at + LINE_BYTES)}\\n`;
    return out;
  };
  for await (const chunk of chunks) {
    const bytes =
      rest.length === 0 ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength) : Buffer.concat([rest, chunk]);
    const whole = bytes.length - (bytes.length % LINE_BYTES);
    yield lines(bytes.subarray(0, whole));
    rest = Buffer.from(bytes.subarray(whole));
  }
  yield lines(rest);
}

/** Sizes in the notation of the Python crit: 713B, 1.5KB. */
function sizeText(bytes: number): string {
  let size = bytes;
  for (const unit of ['', 'K', 'M', 'G', 'T', 'P']) {
    if (size < 1024) return Number.isInteger(size) ? `${size}${unit}B` : `${size.toFixed(1)}${unit}B`;
    size /= 1024;
  }
  return `${size.toFixed(1)}EB`;
}

/**
 * The JSON of a raw image, `{"magic": TYPE, "raw": {"format": ..., FIELDS, "data": BASE64}}`, in pieces.
 * `data` is left out where the fields say it all, and for pages, which are summarised only.
 * @param bytes the file once more: `data` is printed while it is read
 * @param sizeBytes how large it is, if known; said in place of `data` when payloads are not wanted
 */
export async function* rawJson(
  view: RawView,
  bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  sizeBytes: () => number,
  options: RawJsonOptions,
): AsyncGenerator<string> {
  const withData = !view.complete && view.format !== 'pages';
  // Text that is not valid UTF-8 would not come back from `text`: only the bytes are printed.
  const useful = Object.entries(view.fields).filter(([name]) => name !== 'text' || view.complete);
  const fields: Record<string, RawValue> = { format: view.format, ...Object.fromEntries(useful) };
  if (!withData || options.noPayload) {
    if (withData) fields['data'] = `... <${sizeText(sizeBytes())}>`;
    yield write({ magic: view.type, raw: fields }, options.pretty ? '' : undefined);
    return;
  }
  const mark = '"data": "';
  const whole = write({ magic: view.type, raw: { ...fields, data: '' } }, options.pretty ? '' : undefined);
  // data is the last key: what an image's names contain cannot be mistaken for it.
  const at = whole.lastIndexOf(mark) + mark.length;
  const [before, after] = [whole.slice(0, at), whole.slice(at)];
  yield before;
  yield* base64Lines(bytes);
  yield after;
}
