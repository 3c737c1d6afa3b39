import { flatten } from '../edit/flatten.js';
import { writeSet } from '../edit/write-set.js';
import { value, type Command } from './command.js';
import { openSource } from './open-image-dir.js';
import { oneLine } from './safe-text.js';
import { print } from './stdout.js';
import { UsageError } from './usage-error.js';

export const flattenCommand: Command = {
  name: 'flatten',
  describe: 'merge an incremental checkpoint and those before it into one that needs none of them',
  positionals: [{ name: 'dir', describe: 'the last set of the chain, or an archive that holds it' }],
  options: [{ name: 'out', alias: 'o', type: 'string', value: 'DIR', describe: 'where the merged set goes' }],
  examples: [['flatten ckpt/3/ -o whole/', 'a set that can be moved alone']],
  run: (args) => {
    const out = value(args, 'out');
    if (out === undefined) throw new UsageError("flatten: where to? -o DIR; see 'crit flatten --help'");
    using merged = flatten(openSource(args.positionals['dir'] ?? '.'));
    writeSet(merged.set, out);
    print(`${oneLine(out)} is made of ${merged.sets} ${merged.sets === 1 ? 'set' : 'sets'}\n`);
    return 0;
  },
};
