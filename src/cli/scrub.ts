import { scrub as scrubSet, type ScrubOptions, type Scrubbed } from '../edit/scrub.js';
import { SCRUB_KINDS, type ScrubCounts, type ScrubKind } from '../edit/scrub/kinds.js';
import type { SecretPattern } from '../edit/scrub/secrets.js';
import { writeSet } from '../edit/write-set.js';
import { flag, value, type Command, type ParsedArguments } from './command.js';
import { jsonText } from './json-view.js';
import { openSource } from './open-image-dir.js';
import { oneLine } from './safe-text.js';
import { print } from './stdout.js';
import { UsageError } from './usage-error.js';

const KINDS = Object.keys(SCRUB_KINDS) as ScrubKind[];

/** Text, `hex:0102`, or `/expression/flags`. */
function pattern(text: string): SecretPattern {
  const expression = /^\/(.+)\/([ims]*)$/s.exec(text);
  if (expression)
    try {
      return new RegExp(expression[1]!, expression[2]);
    } catch (error) {
      throw new UsageError(`scrub: ${(error as Error).message}`);
    }
  const hex = /^hex:(.*)$/s.exec(text)?.[1];
  if (hex !== undefined && !/^([0-9a-f]{2})+$/i.test(hex))
    throw new UsageError('scrub: behind hex: come pairs of hex digits: hex:7f454c46');
  if (text === '') throw new UsageError('scrub: a secret has at least one byte');
  return hex === undefined ? Buffer.from(text) : Buffer.from(hex, 'hex');
}

function optionsOf(args: ParsedArguments): ScrubOptions {
  const words = (args.values['keep'] ?? []).flatMap((list) => list.split(',')).filter((word) => word !== '');
  const wrong = words.find((word) => word !== 'all' && word !== 'system-paths' && !KINDS.includes(word as ScrubKind));
  if (wrong !== undefined)
    throw new UsageError(
      `scrub: ${JSON.stringify(wrong)} is nothing to keep: ${[...KINDS, 'system-paths', 'all'].join(', ')}`,
    );
  return {
    keep: words.includes('all') ? KINDS : KINDS.filter((kind) => words.includes(kind)),
    keepsSystemPaths: words.includes('system-paths'),
    secrets: (args.values['secret'] ?? []).map(pattern),
    allRegisters: flag(args, 'all-registers'),
  };
}

const UNITS: Readonly<Record<keyof ScrubCounts, string>> = {
  memory: 'bytes of memory',
  environment: 'bytes of arguments and environment',
  registers: 'registers',
  data: 'bytes of data',
  paths: 'paths',
  names: 'names',
  addresses: 'addresses',
  secrets: 'secrets in what stays',
  unknown: 'fields that this crit does not know',
  unreadable: 'bytes that cannot be read as what they should be',
};

function* lines({ counts, leftOut, sets }: Scrubbed, out: string): Generator<string> {
  for (const [what, unit] of Object.entries(UNITS)) {
    const count = counts[what as keyof ScrubCounts];
    if (count > 0) yield `${String(count).padStart(12)}  ${unit}`;
  }
  for (const name of leftOut) yield `left out: ${name}, which is no image that crit knows`;
  yield `${out} is ${sets === 1 ? 'the set' : `made of ${sets} sets,`} without these`;
}

export const scrub: Command = {
  name: 'scrub',
  describe: 'take secrets out of a checkpoint, so that it can be given away with a bug report',
  positionals: [{ name: 'src', describe: 'a directory of images, or a .tar, .tar.gz or .tar.zst of one' }],
  options: [
    { name: 'out', alias: 'o', type: 'string', value: 'DIR', describe: 'where the set without secrets goes' },
    {
      name: 'keep',
      type: 'string',
      value: 'KIND,...',
      many: true,
      describe: `what stays: ${KINDS.join(', ')}, system-paths (those of programs and libraries of the system), all`,
    },
    {
      name: 'secret',
      type: 'string',
      value: 'PATTERN',
      many: true,
      describe: 'take this out of what stays: text, hex:0102 or /expression/',
    },
    { name: 'all-registers', type: 'boolean', describe: 'take out instruction and stack pointers, too' },
    { name: 'json', type: 'boolean', describe: 'print what was taken out as JSON' },
  ],
  examples: [
    ['scrub ckpt/ -o clean/', 'all that a program or a user put there'],
    ['scrub ckpt/ -o clean/ --keep memory,registers --secret hunter2', 'memory stays, but for one secret'],
    ["scrub ckpt/ -o clean/ --keep all --secret '/tok_[0-9a-f]{32}/'", 'nothing but what is named'],
  ],
  run: (args) => {
    const out = value(args, 'out');
    if (out === undefined) throw new UsageError("scrub: where to? -o DIR; see 'crit scrub --help'");
    using clean = scrubSet(openSource(args.positionals['src'] ?? '.'), optionsOf(args));
    writeSet(clean.set, out);
    const { counts, leftOut, sets } = clean;
    if (flag(args, 'json')) print(`${jsonText({ ...counts, leftOut, sets })}\n`);
    else for (const line of lines(clean, out)) print(`${oneLine(line)}\n`);
    return 0;
  },
};
