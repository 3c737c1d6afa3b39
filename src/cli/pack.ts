import { pack, packedAs, unpack } from '../edit/pack.js';
import { writeSet } from '../edit/write-set.js';
import { value, type Command } from './command.js';
import { openSource } from './open-image-dir.js';
import { oneLine } from './safe-text.js';
import { openSink } from './sink.js';
import { print } from './stdout.js';
import { UsageError } from './usage-error.js';

const outOf = (name: string, out: string | undefined): string => {
  if (out === undefined) throw new UsageError(`${name}: where to? -o; see 'crit ${name} --help'`);
  return out;
};

export const packCommand: Command = {
  name: 'pack',
  describe: 'pack a checkpoint into one file, with the hashes of all images',
  positionals: [{ name: 'dir', describe: 'the image directory, or an archive of one' }],
  options: [
    {
      name: 'out',
      alias: 'o',
      type: 'string',
      value: 'FILE',
      describe: 'a .tar, .tar.gz or .tar.zst (which needs Node 22.15)',
    },
  ],
  examples: [['pack ckpt/ -o ckpt.tar.gz', 'to be sent, and looked at without unpacking']],
  run: (args) => {
    const out = outOf('pack', value(args, 'out'));
    const as = packedAs(out);
    const checkpoint = openSource(args.positionals['dir'] ?? '.');
    const sink = openSink(out);
    try {
      const { files, bytes } = pack(checkpoint, as, (piece) => {
        sink.write(piece);
      });
      sink.commit();
      print(`${oneLine(out)} has ${files} files of ${bytes} bytes\n`);
    } catch (error) {
      sink.abort();
      throw error;
    }
    return 0;
  },
};

export const unpackCommand: Command = {
  name: 'unpack',
  describe: 'unpack the images of an archive, comparing them with the hashes that crit pack put there',
  positionals: [{ name: 'archive', describe: 'a .tar, .tar.gz or .tar.zst' }],
  options: [{ name: 'out', alias: 'o', type: 'string', value: 'DIR', describe: 'where the images go' }],
  examples: [['unpack ckpt.tar.gz -o ckpt/', 'what was packed, byte for byte']],
  run: (args) => {
    const out = outOf('unpack', value(args, 'out'));
    const set = unpack(openSource(args.positionals['archive'] ?? ''));
    writeSet(set, out);
    print(`${oneLine(out)} has ${set.files.size} files\n`);
    return 0;
  },
};
