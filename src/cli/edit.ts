import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { printImage } from '../decode/print-image.js';
import { encodeJson } from '../encode/encode-json.js';
import { ByteSource, openByteSource } from '../image/byte-source.js';
import { CritError, ImageError } from '../image/errors.js';
import type { Checkpoint } from '../inspect/checkpoint.js';
import { EditedSet } from '../edit/edited-set.js';
import { replaceSet, writeSet } from '../edit/write-set.js';
import { value, type Command } from './command.js';
import { openSource } from './open-image-dir.js';
import { oneLine } from './safe-text.js';
import { print, warn } from './stdout.js';
import { withLine } from './encode.js';
import { openSink } from './sink.js';
import { UsageError } from './usage-error.js';

/** Larger texts are for programs: decode, encode and set. */
const MAX_TEXT_BYTES = 64 << 20;

/** Shows texts to the user. @throws CritError EXEC */
function openEditor(files: readonly string[]): void {
  const editor = process.env['VISUAL'] || process.env['EDITOR'] || 'vi';
  // as git and others have it: the variable may hold arguments
  const { status, error, signal } = spawnSync('sh', ['-c', `${editor} "$@"`, editor, ...files], { stdio: 'inherit' });
  if (error || status !== 0)
    throw new CritError(
      `the editor (${editor}) failed: ${error?.message ?? signal ?? `status ${String(status)}`}; nothing is changed`,
      {
        code: 'EXEC',
      },
    );
}

function textOf(source: ByteSource, name: string): string {
  let bytes = 0;
  const parts: string[] = [];
  printImage(
    source,
    (chunk) => {
      parts.push(Buffer.from(chunk).toString('utf8'));
      if ((bytes += chunk.length) > MAX_TEXT_BYTES)
        throw new CritError(`${name} is too large for an editor: use crit decode, crit encode or crit set`, {
          code: 'BAD_ARGUMENT',
        });
    },
    { pretty: true },
  );
  return parts.join('');
}

/** Bytes of an edited text. @throws ImageError BAD_JSON with line and column */
function bytesOf(file: string): Uint8Array {
  const parts: Uint8Array[] = [];
  encodeJson(file, (chunk) => parts.push(chunk.slice()));
  return Buffer.concat(parts);
}

/** The texts of a set's images but those of pages, and of what is raw, damaged or too large for an editor. */
function textsOf({ images }: Checkpoint): Map<string, string> {
  const texts = new Map<string, string>();
  for (const { file, type } of images.list()) {
    if (type === 'PAGES' || type === 'PAGEMAP' || type === 'SHMEM_PAGEMAP') continue;
    try {
      using source = new ByteSource({ stored: images.store.open(file) });
      texts.set(file, textOf(source, file));
    } catch (error) {
      if (!(error instanceof CritError)) throw error;
      warn(`crit: warning: not shown: ${oneLine(error.message)}`);
    }
  }
  return texts;
}

/**
 * Has texts edited until they stand for images. What the user wrote is never lost: when it stands for none, it is shown
 * again on a terminal, else kept.
 * @returns the images that are not as they were
 */
function edited(texts: ReadonlyMap<string, string>): Map<string, Uint8Array> {
  const dir = mkdtempSync(path.join(tmpdir(), 'crit-edit-'));
  const at = (name: string) => path.join(dir, `${name}.json`);
  for (const [name, text] of texts) writeFileSync(at(name), text, { mode: 0o600 });
  let files = [...texts.keys()];
  const out = new Map<string, Uint8Array>();
  for (;;) {
    openEditor(files.map(at));
    const failed: ImageError[] = [];
    const again: string[] = [];
    for (const name of files) {
      if (readFileSync(at(name), 'utf8') === texts.get(name)) {
        out.delete(name);
        continue;
      }
      try {
        out.set(name, bytesOf(at(name)));
      } catch (error) {
        if (!(error instanceof ImageError)) throw error;
        failed.push(error);
        again.push(name);
      }
    }
    const [first] = failed;
    if (!first) break;
    for (const error of failed) warn(`crit: ${oneLine((withLine(error) as Error).message)}`);
    if (!process.stdin.isTTY || !process.stdout.isTTY)
      throw new CritError(`nothing is changed; what you wrote is in ${dir}`, { code: 'BAD_JSON', cause: first });
    files = again;
  }
  rmSync(dir, { recursive: true });
  return out;
}

function editDirectory(from: string, out: string | undefined): void {
  const checkpoint = openSource(from);
  const changed = edited(textsOf(checkpoint));
  if (changed.size === 0) {
    print('nothing is changed\n');
    return;
  }
  const set = new EditedSet(checkpoint);
  for (const [name, bytes] of changed)
    set.replace(name, (write) => {
      write(bytes);
    });
  if (out !== undefined) writeSet(set, out);
  else print(`the set as it was is in ${oneLine(replaceSet(set))}\n`);
  print(`changed: ${[...changed.keys()].map(oneLine).join(', ')}\n`);
}

function editImage(file: string, out: string | undefined): void {
  const name = path.basename(file);
  using source = openByteSource(file);
  const changed = edited(new Map([[name, textOf(source, name)]])).get(name);
  if (!changed && out === undefined) {
    print('nothing is changed\n');
    return;
  }
  const sink = openSink(out ?? file);
  sink.write(changed ?? readFileSync(file));
  sink.commit();
  print(`${oneLine(out ?? file)} is written\n`);
}

export const edit: Command = {
  name: 'edit',
  describe: 'edit images as JSON in $VISUAL or $EDITOR',
  positionals: [{ name: 'source', describe: 'an image, or a directory of images' }],
  options: [
    {
      name: 'out',
      alias: 'o',
      type: 'string',
      value: 'FILE',
      describe: 'where to, instead of in place: a file, or for a directory a new directory',
    },
  ],
  examples: [
    ['edit core-812.img', 'one image'],
    ['edit ckpt/ -o changed/', 'all images of a set but those of pages'],
  ],
  run: (args) => {
    const source = args.positionals['source'] ?? '';
    const stat = statSync(source, { throwIfNoEntry: false });
    if (!stat) throw new UsageError(`edit: ${source}: there is no such file or directory`);
    if (stat.isDirectory()) editDirectory(source, value(args, 'out'));
    else editImage(source, value(args, 'out'));
    return 0;
  },
};
