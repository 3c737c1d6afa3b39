import { flag, value, type Command } from './command.js';
import { printDocument } from './print-document.js';
import { isTerminal } from './terminal.js';
import { UsageError } from './usage-error.js';

export const decode: Command = {
  name: 'decode',
  describe: 'convert an image to JSON',
  positionals: [],
  options: [
    { name: 'in', alias: 'i', type: 'string', value: 'IMAGE', describe: 'the image; standard input if absent' },
    {
      name: 'out',
      alias: 'o',
      type: 'string',
      value: 'FILE',
      describe: 'where the JSON goes; standard output if absent',
    },
    { name: 'pretty', type: 'boolean', describe: 'many lines, and numbers in the notation of their field, as in show' },
    { name: 'nopl', type: 'boolean', describe: 'leave payloads out, say how large they are' },
    { name: 'big-as-strings', type: 'boolean', describe: 'numbers beyond 2^53 as strings, for jq and its like' },
    { name: 'recover', type: 'boolean', describe: 'print what is sound in a damaged image' },
  ],
  examples: [
    ['decode -i core-1234.img -o core.json', 'an image as JSON; encode makes the same bytes of it'],
    ['decode --pretty < files.img | less', 'from standard input to standard output'],
    ['decode -i cut.img --recover', 'as much of a damaged image as there is'],
  ],
  run: async (args) => {
    const input = value(args, 'in');
    if (input === undefined && (await isTerminal(0))) {
      throw new UsageError("decode: no image: name one with -i, or pipe one in; see 'crit decode --help'");
    }
    return printDocument(input, value(args, 'out'), {
      pretty: flag(args, 'pretty'),
      noPayload: flag(args, 'nopl'),
      recover: flag(args, 'recover'),
      bigAsStrings: flag(args, 'big-as-strings'),
    });
  },
};
