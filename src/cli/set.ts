import { CHANGE_KINDS, changeSet } from '../edit/changes.js';
import { parseFieldChange, type FieldChange } from '../edit/set-fields.js';
import { replaceSet, writeSet } from '../edit/write-set.js';
import { CritError } from '../image/errors.js';
import { flag, value, type Command } from './command.js';
import { openSource } from './open-image-dir.js';
import { oneLine } from './safe-text.js';
import { print } from './stdout.js';
import { UsageError } from './usage-error.js';

/** Words as they were given: the name of an image, then changes of its fields. */
function fieldChanges(words: readonly string[]): Record<string, FieldChange[]> {
  const fields: Record<string, FieldChange[]> = {};
  let image: FieldChange[] | undefined;
  for (const word of words) {
    if (!word.includes('=')) image = fields[word] ??= [];
    else if (image) image.push(parseFieldChange(word));
    else
      throw new UsageError(
        `set: ${JSON.stringify(word)}: name the image first, as in: crit set DIR core-1.img tc.comm=x`,
      );
  }
  return fields;
}

export const set: Command = {
  name: 'set',
  describe: 'change a checkpoint: fields of its images, or a thing everywhere it stands',
  positionals: [
    { name: 'dir', describe: 'the image directory, or a .tar, .tar.gz or .tar.zst of one' },
    {
      name: 'change',
      describe: 'an image of it, and fields of it: core-1.img tc.comm=x rlimits.NOFILE.cur=4096',
      optional: true,
      many: true,
      completes: 'any',
    },
  ],
  options: [
    {
      name: 'out',
      alias: 'o',
      type: 'string',
      value: 'DIR',
      describe: 'write the changed set into this directory; what is not changed is a hard link',
    },
    { name: 'in-place', type: 'boolean', describe: 'change the directory itself; what it was is kept in DIR.bak' },
    { name: 'dry-run', alias: 'n', type: 'boolean', describe: 'only say what would be changed' },
    ...CHANGE_KINDS.map(({ name, form, what }) => ({
      name,
      type: 'string' as const,
      value: form,
      many: true,
      describe: what,
    })),
  ],
  examples: [
    ['set ckpt/ -o new/ --comm 812=worker --limit 812:NOFILE=4096', 'a name and a limit'],
    ['set ckpt/ -o new/ --env 812:HOME=/srv/web --path /home/web=/srv/web', 'move a program'],
    ['set ckpt/ -o new/ --pid 812=2812 --pid 814=2814', 'other pids, everywhere'],
    ['set ckpt/ --in-place core-812.img thread_core.sched_nice=5', 'a field of an image'],
  ],
  run: (args) => {
    const out = value(args, 'out');
    const [inPlace, dryRun] = [flag(args, 'in-place'), flag(args, 'dry-run')];
    if ([out !== undefined, inPlace, dryRun].filter(Boolean).length !== 1)
      throw new UsageError("set: where to? -o DIR, --in-place, or --dry-run; see 'crit set --help'");
    const fields = fieldChanges(args.words);
    if (Object.values(fields).every((changes) => changes.length === 0) && Object.keys(args.values).length === 0)
      throw new UsageError("set: nothing to change; see 'crit set --help'");
    const checkpoint = openSource(args.positionals['dir'] ?? '.');
    for (const image of Object.keys(fields))
      if (!checkpoint.images.store.has(image))
        throw new CritError(`${checkpoint.images.path} has no ${image}`, { code: 'MISSING_IMAGE' });
    const changed = changeSet(checkpoint, { fields, typed: args.values });
    if (out !== undefined) writeSet(changed.set, out);
    const backup = inPlace ? replaceSet(changed.set) : undefined;
    for (const line of changed.lines) print(`${oneLine(line)}\n`);
    if (dryRun) print(`would be written: ${changed.set.changed.join(', ')}\n`);
    if (backup !== undefined) print(`the set as it was is in ${oneLine(backup)}\n`);
    return 0;
  },
};
