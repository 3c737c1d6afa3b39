import { openJsonImage } from '../encode/encode-json.js';
import { isRawType } from '../decode/raw/recognise.js';
import { value, type Command } from './command.js';
import { CritError, ImageError } from '../image/errors.js';
import { safeText } from './safe-text.js';
import { openSink } from './sink.js';
import { isTerminal } from './terminal.js';
import { UsageError } from './usage-error.js';

/** "FILE: line 3:17: entries[0].umask: ..." */
export function withLine(error: unknown): unknown {
  if (!(error instanceof ImageError) || error.line === undefined) return error;
  const { file, line, column, fieldPath, reason, code } = error;
  const where = `line ${line}:${column ?? 1}`;
  return new CritError(safeText([file, where, fieldPath, reason].filter(Boolean).join(': ')), { code, cause: error });
}

function opened<T>(open: () => T): T {
  try {
    return open();
  } catch (error) {
    throw withLine(error);
  }
}

export const encode: Command = {
  name: 'encode',
  describe: 'convert JSON, as decode or show print it, to an image',
  positionals: [],
  options: [
    { name: 'in', alias: 'i', type: 'string', value: 'FILE', describe: 'the JSON; standard input if absent' },
    {
      name: 'out',
      alias: 'o',
      type: 'string',
      value: 'IMAGE',
      describe: 'where the image goes; standard output if absent',
    },
  ],
  examples: [
    ['encode -i core.json -o core-1234.img', 'an edited image, in its place at once or not at all'],
    ['decode -i core-1234.img | crit encode | cmp - core-1234.img', 'nothing is lost on the way'],
  ],
  run: async (args) => {
    const input = value(args, 'in');
    if (input === undefined && (await isTerminal(0))) {
      throw new UsageError("encode: no JSON: name a file with -i, or pipe one in; see 'crit encode --help'");
    }
    if (value(args, 'out') === undefined && (await isTerminal(1))) {
      throw new UsageError('encode: an image is no text for a terminal: name a file with -o, or redirect');
    }
    const name = input === undefined || input === '-' ? 'standard input' : input;
    const image = opened(() => openJsonImage(name === input ? input : { fd: 0, name }));
    const sink = openSink(value(args, 'out'));
    try {
      if (isRawType(image.type)) {
        const { encodeRaw } = await import('../encode/raw-image.js');
        sink.write(await encodeRaw(image.type, (image.value() as { raw?: unknown }).raw, name));
      } else {
        image.encode((chunk) => sink.write(chunk));
      }
      sink.commit();
    } catch (error) {
      sink.abort();
      throw withLine(error);
    }
    return 0;
  },
};
