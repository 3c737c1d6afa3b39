import type { Command } from './command.js';
import { pidOf, rootOf, type MemVerb } from './mem/words.js';
import { openSource } from './open-image-dir.js';
import { oneLine } from './safe-text.js';
import { warn } from './stdout.js';
import { openAddressSpace } from '../inspect/address-space/address-space.js';

/** What can be done with memory: each has a file of its own. */
const VERBS: Readonly<Record<string, () => Promise<MemVerb>>> = {
  map: async () => (await import('./mem/map.js')).memMap,
  read: async () => (await import('./mem/read.js')).memRead,
  hexdump: async () => (await import('./mem/hexdump.js')).memHexdump,
  strings: async () => (await import('./mem/strings.js')).memStrings,
  search: async () => (await import('./mem/search.js')).memSearch,
  extract: async () => (await import('./mem/extract.js')).memExtract,
};

export const mem: Command = {
  name: 'mem',
  describe: "look into a process's memory: read, search, extract it",
  positionals: [
    { name: 'src', describe: 'the checkpoint: a directory, or a .tar, .tar.gz or .tar.zst of one' },
    { name: 'pid', describe: 'the process', completes: 'any' },
    {
      name: 'what',
      describe:
        'map [PLACE]: where the bytes are; read PLACE [LENGTH]: the bytes themselves; hexdump PLACE [LENGTH]; strings [PLACE]; ' +
        'search PATTERN [PLACE]: PATTERN is text, hex:DEADBEEF or /expression/; extract [PLACE] -o DIR: a file for each mapping',
      choices: Object.keys(VERBS),
    },
    {
      name: 'argument',
      describe:
        'PLACE is an address, START-END, the name of a mapping ([heap], [stack], a path or its last part), env:NAME, env, args, ' +
        'sym:NAME or FILE:NAME (a symbol), each with +OFFSET; LENGTH is in bytes, or with K, M, G',
      optional: true,
      many: true,
      completes: 'any',
    },
  ],
  options: [
    { name: 'out', alias: 'o', type: 'string', value: 'FILE', describe: 'where to write to; of extract, a directory' },
    { name: 'context', type: 'string', value: 'N', describe: 'search: bytes that are shown around what is found (32)' },
    { name: 'ignore-case', alias: 'i', type: 'boolean', describe: 'search: big and small ASCII letters are the same' },
    { name: 'min', alias: 'n', type: 'string', value: 'N', describe: 'strings: the shortest that is shown (4)' },
    { name: 'encoding', type: 'string', value: 'NAME', describe: 'strings: ascii, utf8 (the default) or utf16le' },
    {
      name: 'sysroot',
      type: 'string',
      value: 'DIR',
      describe: 'look up mapped files below this directory, not below /',
    },
    { name: 'no-files', type: 'boolean', describe: 'never read mapped files of this machine' },
    { name: 'json', type: 'boolean', describe: 'map, search, strings: print JSON' },
  ],
  examples: [
    ['mem checkpoint/ 1234 map', 'the mappings, and where the bytes of each are'],
    ['mem checkpoint/ 1234 read env:PATH', 'the value of an environment variable'],
    ['mem checkpoint/ 1234 hexdump sym:counter 8', 'the value of a global variable'],
    ["mem checkpoint/ 1234 search '/user=[a-z]+/' '[heap]'", 'what looks like a name in the heap'],
    ['mem checkpoint.tar.gz 1234 extract -o memory/', 'all memory, a file for each mapping'],
  ],
  run: async (args) => {
    const { src = '', pid = '', what = '' } = args.positionals;
    const number = pidOf(pid);
    const checkpoint = openSource(src);
    using space = openAddressSpace(checkpoint, number, { root: rootOf(args) });
    const verb = await VERBS[what]!();
    try {
      return await verb(space, args.words, args);
    } finally {
      for (const text of space.warnings) warn(`crit: warning: ${oneLine(text)}`);
    }
  },
};
