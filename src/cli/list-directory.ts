import { finishCommit } from '../dump/set/finish-commit.js';
import { listImages, type ListedImage } from '../inspect/listing.js';
import { CritError } from '../image/errors.js';
import { jsonView } from './json-view.js';
import { safeText } from './safe-text.js';
import { openSink } from './sink.js';
import { warn } from './stdout.js';
import { drawTable, onTerminal } from './table.js';

const HEAD = ['IMAGE', 'TYPE', 'ENTRIES', 'SIZE'] as const;

const cells = ({ name, type, entries, size, problem, unreadable }: ListedImage): string[] => [
  safeText(name),
  type ?? '?',
  problem === undefined ? String(entries ?? '?') : unreadable ? 'unreadable' : 'damaged',
  String(size),
];

function plain(images: readonly ListedImage[]): string {
  const rows = [[...HEAD], ...images.map(cells)];
  const widths = HEAD.map((_, column) => rows.reduce((width, row) => Math.max(width, row[column]?.length ?? 0), 0));
  const align = (cell: string, column: number): string =>
    column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0);
  return rows.map((row) => `${row.map(align).join('  ').trimEnd()}\n`).join('');
}

/** `crit show DIR`. @returns 1 if an image is damaged; each has a line on standard error */
export async function listDirectory(dir: string, json: boolean): Promise<number> {
  finishCommit(dir);
  const images = await listImages(dir);
  if (images.length === 0) throw new CritError(`${dir}: there is no image in this directory`, { code: 'NO_IMAGE' });
  const sink = openSink(undefined);
  if (json) sink.write(jsonView(images));
  else if (!(await onTerminal())) sink.write(plain(images));
  else {
    const lines = drawTable({
      head: HEAD,
      rows: images.map(cells),
      right: [2, 3],
      paint: (chalk, cell, column) => {
        if (cell === 'damaged' || cell === 'unreadable') return chalk.red(cell);
        return column === 1 ? chalk.cyan(cell) : cell;
      },
    });
    for await (const line of lines) sink.write(line);
  }
  sink.commit();
  const damaged = images.filter(({ problem }) => problem !== undefined);
  const unreadable = damaged.filter((image) => image.unreadable);
  if (unreadable.length > 0)
    warn(
      `crit: ${safeText(dir)}: permission denied: this user may not read ${unreadable.length === 1 ? safeText(unreadable[0]!.name) : `${unreadable.length} images`}`,
    );
  for (const { name, problem } of damaged.filter((image) => !image.unreadable))
    warn(`crit: ${safeText(`${dir.replace(/\/+$/, '')}/${name}: ${problem ?? ''}`)}`);
  return damaged.length > 0 ? 1 : 0;
}
