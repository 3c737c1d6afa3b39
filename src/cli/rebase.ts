import { rebase } from '../edit/rebase.js';
import { writeSet } from '../edit/write-set.js';
import { value, type Command } from './command.js';
import { openSource } from './open-image-dir.js';
import { oneLine } from './safe-text.js';
import { print } from './stdout.js';
import { UsageError } from './usage-error.js';

export const rebaseCommand: Command = {
  name: 'rebase',
  describe: 'make a checkpoint an increment of another one: pages that are the same there are left out',
  positionals: [
    { name: 'dir', describe: 'the set, or an archive that holds it' },
    { name: 'base', describe: 'the directory of the set before it' },
  ],
  options: [{ name: 'out', alias: 'o', type: 'string', value: 'DIR', describe: 'where the increment goes' }],
  examples: [['rebase monday/ sunday/ -o monday-on-sunday/', 'two full dumps of one process']],
  run: (args) => {
    const out = value(args, 'out');
    if (out === undefined) throw new UsageError("rebase: where to? -o DIR; see 'crit rebase --help'");
    const base = args.positionals['base'] ?? '';
    using made = rebase(openSource(args.positionals['dir'] ?? '.'), openSource(base));
    writeSet(made.set, out);
    print(`${oneLine(out)} is an increment of ${oneLine(base)}\n`);
    return 0;
  },
};
