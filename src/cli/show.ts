import { statSync } from 'node:fs';
import { flag, type Command } from './command.js';
import { printDocument } from './print-document.js';
import { UsageError } from './usage-error.js';

const isDirectory = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

export const show: Command = {
  name: 'show',
  describe: 'show an image as JSON for people, or list a directory of images',
  positionals: [{ name: 'image', describe: 'an image, or a directory of images' }],
  options: [
    { name: 'nopl', type: 'boolean', describe: 'do not show payloads, say how large they are' },
    { name: 'big-as-strings', type: 'boolean', describe: 'numbers beyond 2^53 as strings, for jq and its like' },
    { name: 'recover', type: 'boolean', describe: 'show what is sound in a damaged image' },
    { name: 'json', type: 'boolean', describe: 'list a directory as JSON' },
  ],
  examples: [
    ['show core-1234.img', 'the registers, signals and limits of a task'],
    ['show pipes-data.img --nopl', 'without what was in the pipes'],
    ['show checkpoint/', 'each image: its type, its entries, its size'],
  ],
  run: async (args) => {
    const image = args.positionals['image'] ?? '';
    if (image !== '-' && isDirectory(image)) {
      const wrong = ['nopl', 'recover', 'big-as-strings'].find((name) => flag(args, name));
      if (wrong !== undefined) throw new UsageError(`${image}: is a directory, and --${wrong} is about one image`);
      return (await import('./list-directory.js')).listDirectory(image, flag(args, 'json'));
    }
    return printDocument(image, undefined, {
      pretty: true,
      noPayload: flag(args, 'nopl'),
      recover: flag(args, 'recover'),
      bigAsStrings: flag(args, 'big-as-strings'),
    });
  },
};
