import { memoryStrings, type StringEncoding } from '../../inspect/address-space/search.js';
import { flag, value } from '../command.js';
import { jsonText } from '../json-view.js';
import { safeText } from '../safe-text.js';
import { openSink } from '../sink.js';
import { UsageError } from '../usage-error.js';
import { countOf, hexAddress, rangesOf, type MemVerb } from './words.js';

const ENCODINGS: readonly string[] = ['ascii', 'utf8', 'utf16le'] satisfies StringEncoding[];

/** `crit mem SRC PID strings [PLACE]` */
export const memStrings: MemVerb = (space, words, args) => {
  const encoding = value(args, 'encoding') ?? 'utf8';
  if (!ENCODINGS.includes(encoding)) throw new UsageError(`mem: --encoding is one of ${ENCODINGS.join(', ')}`);
  const minLength = Math.max(1, countOf(args, 'min', 4));
  const sink = openSink(value(args, 'out'));
  try {
    for (const range of rangesOf(space, words))
      for (const { address, text } of memoryStrings(space, {
        ...range,
        encoding: encoding as StringEncoding,
        minLength,
      }))
        sink.write(
          flag(args, 'json') ? `${jsonText({ address, text })}\n` : `${hexAddress(address)} ${safeText(text)}\n`,
        );
  } catch (error) {
    sink.abort();
    throw error;
  }
  sink.commit();
  return Promise.resolve(0);
};
