import { readdirSync, statSync, type Dirent } from 'node:fs';
import path from 'node:path';
import { CritError } from '../image/errors.js';
import { openCheckpoint } from './checkpoint.js';
import { overview } from './overview/overview.js';

/** A checkpoint that was found. */
export interface FoundCheckpoint {
  readonly path: string;
  readonly engine: string;
  /** The container's name where there is one. */
  readonly name: string | undefined;
  /** Command line of the root process, or else its name. */
  readonly command: string | undefined;
  readonly processes: number;
  readonly sizeBytes: number;
  /** When it was dumped, by the images or else by the time of their inventory: ISO 8601. */
  readonly at: string;
  /** What is missing or damaged, counted. */
  readonly problems: number;
}

/** How many directories below one that was given are looked into. */
const MAX_DEPTH = 8;
/** A directory of millions of files is no place of checkpoints. */
const MAX_ENTRIES = 100_000;
const ARCHIVE = /\.(tar|tar\.gz|tgz|tar\.zst)$/;
const SET_IMAGES = ['inventory.img', 'pstree.img'];

/** Paths of what may be checkpoints, by name. Symbolic links are not followed. */
function* candidates(directory: string, onProblem: (line: string) => void): Generator<string> {
  const stack = [{ at: directory, depth: 0 }];
  for (let seen = 0, next = stack.pop(); next; next = stack.pop()) {
    const { at, depth } = next;
    let entries: Dirent[];
    try {
      entries = readdirSync(at, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
    } catch (error) {
      if (depth === 0) throw new CritError(`${at}: cannot be listed`, { code: 'NOT_A_DIRECTORY', cause: error });
      onProblem(`${at}: cannot be listed`);
      continue;
    }
    seen += entries.length;
    if (seen > MAX_ENTRIES) {
      onProblem(`${directory}: more than ${MAX_ENTRIES} files: only those up to ${at} are looked at`);
      return;
    }
    if (entries.some(({ name }) => SET_IMAGES.includes(name))) {
      // a container's checkpoint is the directory with config.dump, not the images below it
      const above = path.dirname(at);
      const isInside = path.basename(at) === 'checkpoint' && depth > 0 && readdirSync(above).includes('config.dump');
      yield isInside ? above : at;
      continue;
    }
    for (const entry of entries) if (entry.isFile() && ARCHIVE.test(entry.name)) yield path.join(at, entry.name);
    if (depth === MAX_DEPTH) continue;
    for (const entry of entries.reverse())
      if (entry.isDirectory()) stack.push({ at: path.join(at, entry.name), depth: depth + 1 });
  }
}

function describe(file: string): FoundCheckpoint {
  const checkpoint = openCheckpoint(file);
  const { identity, container, processes, problems } = overview(checkpoint, { parts: ['identity', 'container'] });
  const [root] = processes;
  const [withCommand] = root ? overview(checkpoint, { parts: ['cmdline'], pid: root.pid }).processes : [];
  const command = withCommand?.cmdline?.join(' ');
  return {
    path: file,
    engine: container && container.engine !== 'unknown' ? container.engine : (identity?.engine ?? '?'),
    name: container?.name,
    command: command === undefined || command === '' ? root?.comm : command,
    processes: processes.length,
    sizeBytes: identity?.sizeBytes ?? 0,
    at: container?.checkpointedAt ?? identity?.dumpedAt ?? modified(file),
    problems: problems.length,
  };
}

function modified(file: string): string {
  const stat = SET_IMAGES.map((name) => statSync(path.join(file, name), { throwIfNoEntry: false })).find(Boolean);
  return (stat ?? statSync(file)).mtime.toISOString();
}

/**
 * The checkpoints in and below a directory: sets of images, containers' checkpoints, archives of them. Links are not
 * followed, and not more than eight levels of directories.
 * @param onProblem is told of what looks like a checkpoint and cannot be read
 * @throws CritError NOT_A_DIRECTORY
 */
export function* findCheckpoints(
  directory: string,
  onProblem: (line: string) => void = () => undefined,
): Generator<FoundCheckpoint> {
  for (const file of candidates(directory, onProblem)) {
    try {
      yield describe(file);
    } catch (error) {
      if (!(error instanceof CritError)) throw error;
      onProblem(error.message);
    }
  }
}
