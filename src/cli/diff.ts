import { statSync } from 'node:fs';
import path from 'node:path';
import { CritError } from '../image/errors.js';
import { DirectoryStore } from '../image/directory-store.js';
import { diffImages } from '../inspect/diff/diff-images.js';
import { diffCheckpoints, type CheckpointDiff, type ProcessChange } from '../inspect/diff/diff-sets.js';
import type { Change } from '../inspect/diff/tree.js';
import { flag, type Command, type ParsedArguments } from './command.js';
import { hexdumpOf } from './diff-hexdump.js';
import { warnAll } from './inspect.js';
import { jsonView } from './json-view.js';
import { openSource } from './open-image-dir.js';
import { oneLine, safeText } from './safe-text.js';
import { openSink } from './sink.js';
import { warn } from './stdout.js';
import { onTerminal } from './table.js';
import { addressWords, sizeWords } from './words.js';

const DIFFERENT = 1;
const TROUBLE = 2;
/** A value that is longer is cut off in text; JSON has all of it. */
const MAX_VALUE = 300;
/** Ranges of pages that are listed of a process. */
const MAX_RANGES = 20;

interface Paint {
  readonly title: (text: string) => string;
  readonly before: (text: string) => string;
  readonly after: (text: string) => string;
}
const colour = (sgr: number) => (text: string) => `\x1b[${sgr}m${text}\x1b[0m`;
const plain = (text: string) => text;
const COLOURS: Paint = { title: colour(1), before: colour(31), after: colour(32) };
const PLAIN: Paint = { title: plain, before: plain, after: plain };

const value = (text: string): string => safeText(text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE)}...` : text);

function* changeLines(changes: readonly Change[], paint: Paint, indent: string): Generator<string> {
  for (const { path: at, before, after } of changes) {
    const name = at === '' ? '' : `${safeText(at)}: `;
    if (before === undefined) yield `${indent}${paint.after(`+ ${name}${value(after ?? '')}`)}\n`;
    else if (after === undefined) yield `${indent}${paint.before(`- ${name}${value(before)}`)}\n`;
    else yield `${indent}  ${name}${paint.before(value(before))} -> ${paint.after(value(after))}\n`;
  }
}

function* processLines({ pid, pidAfter, comm, sections, memory }: ProcessChange, paint: Paint): Generator<string> {
  const number = pid === pidAfter ? `${pid}` : `${pid} -> ${pidAfter}`;
  yield `${paint.title(`process ${number} (${safeText(comm ?? '?')})`)}\n`;
  for (const [section, changes] of Object.entries(sections)) {
    yield `  ${section}\n`;
    yield* changeLines(changes, paint, '  ');
  }
  if (!memory || memory.ranges.length === 0) return;
  yield `  pages: ${memoryWords(memory)}\n`;
  for (const { start, pages, kind } of memory.ranges.slice(0, MAX_RANGES))
    yield `    ${addressWords(start)}  ${pages} ${pages === 1 ? 'page' : 'pages'}${kind === 'changed' ? '' : `, only ${kind}`}\n`;
  const more = memory.ranges.length - MAX_RANGES;
  if (more > 0) yield `    and ${more} ranges more\n`;
}

function memoryWords(memory: NonNullable<ProcessChange['memory']>): string {
  const { pagesCompared, pagesChanged, bytesChanged, pagesOnlyBefore, pagesOnlyAfter } = memory;
  return [
    `${pagesChanged} of ${pagesCompared} changed (${sizeWords(bytesChanged)})`,
    ...(pagesOnlyBefore > 0 ? [`${pagesOnlyBefore} only before`] : []),
    ...(pagesOnlyAfter > 0 ? [`${pagesOnlyAfter} only after`] : []),
  ].join(', ');
}

function* setLines(diff: CheckpointDiff, paint: Paint): Generator<string> {
  for (const { pid, comm } of diff.removed) yield `${paint.before(`- process ${pid} (${safeText(comm ?? '?')})`)}\n`;
  for (const { pid, comm } of diff.added) yield `${paint.after(`+ process ${pid} (${safeText(comm ?? '?')})`)}\n`;
  for (const process of diff.processes) yield* processLines(process, paint);
  for (const [image, changes] of Object.entries(diff.images)) {
    yield `${paint.title(safeText(image))}\n`;
    yield* changeLines(changes, paint, '');
  }
}

/** A line for each process and image. */
function* statLines(diff: CheckpointDiff): Generator<string> {
  for (const { pid, comm } of diff.removed) yield `process ${pid} (${safeText(comm ?? '?')}): only before\n`;
  for (const { pid, comm } of diff.added) yield `process ${pid} (${safeText(comm ?? '?')}): only after\n`;
  for (const { pid, comm, sections, memory } of diff.processes) {
    const counts = Object.entries(sections).map(([section, changes]) => `${section} ${changes.length}`);
    if (memory && memory.ranges.length > 0) counts.push(`pages ${memoryWords(memory)}`);
    yield `process ${pid} (${safeText(comm ?? '?')}): ${counts.join(', ')}\n`;
  }
  for (const [image, changes] of Object.entries(diff.images)) yield `${safeText(image)}: ${changes.length}\n`;
}

/** Whether a name is an image's: a file that is neither a directory nor an archive. */
const isImage = (file: string): boolean =>
  (statSync(file, { throwIfNoEntry: false })?.isFile() ?? false) && !/\.(tar|tgz|tar\.(gz|zst))$/.test(file);

async function print(args: ParsedArguments, data: unknown, lines: (paint: Paint) => Iterable<string>): Promise<void> {
  const sink = openSink(undefined);
  if (flag(args, 'json')) sink.write(jsonView(data));
  else {
    const paint = (await onTerminal()) && !process.env['NO_COLOR'] ? COLOURS : PLAIN;
    for (const line of lines(paint)) sink.write(line);
  }
  sink.commit();
}

function storedImage(file: string) {
  return new DirectoryStore(path.dirname(file)).open(path.basename(file));
}

async function compare(args: ParsedArguments): Promise<number> {
  const [before = '', after = ''] = [args.positionals['before'], args.positionals['after']];
  if (isImage(before) && isImage(after)) {
    const changes = diffImages(storedImage(before), storedImage(after), { exact: flag(args, 'exact') });
    await print(args, changes, (paint) => changeLines(changes, paint, ''));
    return changes.length > 0 ? DIFFERENT : 0;
  }
  const dump = flag(args, 'hexdump') ? hexdumpOf() : undefined;
  const diff = diffCheckpoints(openSource(before), openSource(after), {
    pages: !flag(args, 'no-pages'),
    ...(dump && { onPage: dump.onPage }),
  });
  await print(args, diff, function* (paint) {
    yield* flag(args, 'stat') ? statLines(diff) : setLines(diff, paint);
    if (dump) yield* dump.lines;
  });
  warnAll(diff.problems);
  return diff.isSame ? 0 : DIFFERENT;
}

export const diff: Command = {
  name: 'diff',
  describe:
    'compare two checkpoints, or two images: status 0 when they are the same, 1 when not, 2 when they cannot be read',
  positionals: [
    { name: 'before', describe: 'a directory of images, a container checkpoint, an archive, or an image' },
    { name: 'after', describe: 'another one' },
  ],
  options: [
    { name: 'stat', type: 'boolean', describe: 'a line for each process: what differs, counted' },
    { name: 'no-pages', type: 'boolean', describe: 'do not compare the bytes of the memory' },
    { name: 'hexdump', type: 'boolean', describe: 'show the bytes of pages that differ' },
    { name: 'exact', type: 'boolean', describe: 'two images: with ids, and in their order' },
    { name: 'json', type: 'boolean', describe: 'print JSON' },
  ],
  examples: [
    ['diff before/ after/ --stat', 'how much has changed'],
    ['diff before/ after/', 'what has'],
    ['diff a/core-1.img b/core-1.img', 'two images, field by field'],
  ],
  run: async (args) => {
    try {
      return await compare(args);
    } catch (error) {
      if (!(error instanceof CritError)) throw error;
      warn(`crit: ${oneLine(error.message)}`);
      return TROUBLE;
    }
  },
};
