import { openAddressSpace } from '../inspect/address-space/address-space.js';
import { coreFile } from '../inspect/core-file/core-file.js';
import { value, flag, type Command } from './command.js';
import { pidOf, rootOf } from './mem/words.js';
import { openSource } from './open-image-dir.js';
import { oneLine } from './safe-text.js';
import { writeSparse } from './sparse-file.js';
import { print, warn } from './stdout.js';
import { UsageError } from './usage-error.js';

const mib = (bytes: number): string => `${(bytes / (1 << 20)).toFixed(1)} MiB`;

export const core: Command = {
  name: 'core',
  describe: 'make a core file of a process, for gdb and other debuggers',
  positionals: [
    { name: 'src', describe: 'the checkpoint: a directory, or a .tar, .tar.gz or .tar.zst of one' },
    { name: 'pid', describe: 'the process', completes: 'any' },
  ],
  options: [
    { name: 'out', alias: 'o', type: 'string', value: 'FILE', describe: 'the core file to write' },
    {
      name: 'files',
      type: 'boolean',
      describe: 'put in what is in mapped files of this machine too: programs and libraries, for a debugger elsewhere',
    },
    {
      name: 'sysroot',
      type: 'string',
      value: 'DIR',
      describe: 'look up mapped files below this directory, not below /',
    },
    { name: 'no-files', type: 'boolean', describe: 'never read mapped files of this machine' },
  ],
  examples: [
    ['core checkpoint/ 1234 -o core.1234', 'a core file; then: gdb PROGRAM core.1234'],
    ['core checkpoint.tar.gz 1 -o core.1 --files', 'one that needs no program and no libraries'],
  ],
  run: (args) => {
    const { src = '', pid = '' } = args.positionals;
    const out = value(args, 'out');
    if (out === undefined) throw new UsageError('core: name the file to write by -o FILE');
    const number = pidOf(pid);
    const checkpoint = openSource(src);
    using space = openAddressSpace(checkpoint, number, { root: rootOf(args) });
    const tell = (text: string) => warn(`crit: warning: ${oneLine(text)}`);
    const made = coreFile(checkpoint, space, tell, { files: flag(args, 'files') ? 'all' : 'headers' });
    writeSparse(out, made.sizeBytes, made.chunks());
    for (const text of space.warnings) tell(text);
    if (made.missingBytes > 0)
      tell(`${mib(made.missingBytes)} of memory are not in the images: crit mem ${src} ${pid} map shows which`);
    const threads = `${made.threads.length} thread${made.threads.length === 1 ? '' : 's'}`;
    const left = made.leftToFilesBytes > 0 ? `, ${mib(made.leftToFilesBytes)} left to mapped files` : '';
    print(`${oneLine(out)}: ${threads}, ${mib(made.sizeBytes)}${left}\n`);
    return 0;
  },
};
