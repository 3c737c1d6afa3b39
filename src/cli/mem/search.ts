import { searchMemory } from '../../inspect/address-space/search.js';
import { flag, type ParsedArguments } from '../command.js';
import { jsonText } from '../json-view.js';
import { safeText } from '../safe-text.js';
import { openSink } from '../sink.js';
import { UsageError } from '../usage-error.js';
import { countOf, hexAddress, rangesOf, whereIn, type MemVerb } from './words.js';

/** Text, `hex:0102`, or `/expression/flags`. */
function patternOf(text: string, args: ParsedArguments): Buffer | RegExp {
  const ignore = flag(args, 'ignore-case');
  const expression = /^\/(.+)\/([ims]*)$/.exec(text);
  if (expression) {
    try {
      return new RegExp(expression[1]!, `${expression[2]!}${ignore && !expression[2]!.includes('i') ? 'i' : ''}`);
    } catch (error) {
      throw new UsageError(`mem: ${(error as Error).message}`);
    }
  }
  const hex = /^hex:(.*)$/is.exec(text);
  if (hex) {
    const digits = hex[1]!.replace(/\s/g, '');
    if (!/^([0-9a-f]{2})+$/i.test(digits))
      throw new UsageError('mem: behind hex: come pairs of hex digits: hex:7f454c46');
    return Buffer.from(digits, 'hex');
  }
  return ignore ? new RegExp(text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'), 'i') : Buffer.from(text, 'utf8');
}

const shown = (bytes: Buffer): string => bytes.toString('latin1').replace(/[^\x20-\x7e]/g, '.');

/** `crit mem SRC PID search PATTERN [PLACE]`: a line for each place. Status 1 when there is none, as grep has it. */
export const memSearch: MemVerb = (space, [text, ...words], args) => {
  if (text === undefined) throw new UsageError('mem: search for what? text, hex:0102 or /expression/');
  const pattern = patternOf(text, args);
  const contextBytes = countOf(args, 'context', 32);
  const sink = openSink(undefined);
  let found = 0;
  for (const range of rangesOf(space, words))
    for (const { address, bytes, before, after } of searchMemory(space, pattern, { ...range, contextBytes })) {
      found++;
      const where = whereIn(space, address);
      sink.write(
        flag(args, 'json')
          ? `${jsonText({ address, where, bytes: bytes.toString('hex'), before: before.toString('hex'), after: after.toString('hex') })}\n`
          : `${hexAddress(address)} ${safeText(where)}  ${shown(before)}[${shown(bytes)}]${shown(after)}\n`,
      );
    }
  sink.commit();
  return Promise.resolve(found > 0 ? 0 : 1);
};
