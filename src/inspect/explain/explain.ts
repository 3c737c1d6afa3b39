import { closeSync, readSync } from 'node:fs';
import type { ImageDir } from '../../encode/image-dir.js';
import { openRegularFile } from '../../image/regular-file.js';
import { unreadable } from '../../image/unreadable.js';
import { CritError } from '../../image/errors.js';
import { taskFiles } from '../files.js';
import { taskTree, type TaskNode } from '../tree.js';
import { HARMLESS, REASONS, type Reason } from './reasons.js';

/** An error line of a log. */
export interface LogLine {
  /** From 1. */
  readonly number: number;
  readonly text: string;
  /** The task that said it, as its images number it; absent for the tool itself. */
  readonly pid?: number;
}

/** What a failed dump or restore failed of. */
export interface Explanation {
  /** The first error line that decides; undefined when the log has no error. */
  readonly line: LogLine | undefined;
  /** undefined: the line is of no form that is known. */
  readonly cause: string | undefined;
  readonly todo: string | undefined;
  /** What it is about: a path, pid, session, socket inode, image, ... */
  readonly object: Readonly<Record<string, string>>;
  /** What the images know of it: the process by name, who has the file open. */
  readonly known: readonly string[];
  /** Error lines in all. */
  readonly nrErrors: number;
}

const CHUNK_BYTES = 1 << 20;
/** What of a line is looked at. */
const LINE_CHARS = 4096;
/** So many holders of a file are named. */
const MOST_HOLDERS = 5;

/** `(00.012345)   1234: Error (criu/mem.c:12): text`: time, task, place; crit's own form on a terminal is `crit: text`. */
const ERROR_LINE = /^(?:\(\d+\.\d+\) *)?(?: *(?<pid>\d+): )?(?:pie: (?<pie>\d+): )?Error \([^)]*\): (?<text>.*)$/;
const TOLD = /^crit: (?!warning: )(?<text>.*)$/;

/** Lines of a log, however large it is: of each, the beginning. @throws ImageError when it cannot be read */
function* linesOf(file: string): Generator<string> {
  const { fd } = openRegularFile(file);
  try {
    const buffer = Buffer.alloc(CHUNK_BYTES);
    let rest = '';
    for (;;) {
      const got = readSync(fd, buffer, 0, buffer.length, null);
      if (got === 0) break;
      const lines = (rest + buffer.toString('latin1', 0, got)).split('\n');
      rest = lines.pop()!.slice(0, LINE_CHARS);
      for (const line of lines) yield line.slice(0, LINE_CHARS);
    }
    if (rest !== '') yield rest;
  } catch (error) {
    throw unreadable(file, error);
  } finally {
    closeSync(fd);
  }
}

/**
 * Finds out from the log of a failed dump or restore, of CRIU or crit, what the cause was.
 * @param images the set, to name processes and files
 * @throws ImageError when the log cannot be read
 * @example
 * import { explain } from 'crit-checkpoint';
 * const { cause, todo } = explain('fixtures/logs/pid-in-use.log');
 * console.assert(cause !== undefined && todo !== undefined);
 */
export function explain(log: string, images?: ImageDir): Explanation {
  let number = 0;
  let nrErrors = 0;
  let first: LogLine | undefined;
  let found: { line: LogLine; reason: Reason; object: Record<string, string> } | undefined;
  for (const bytes of linesOf(log)) {
    number++;
    const latin = bytes.replace(/\r$/, '');
    const groups = (ERROR_LINE.exec(latin) ?? TOLD.exec(latin))?.groups;
    if (!groups || HARMLESS.test(groups['text'] ?? '')) continue;
    nrErrors++;
    if (found) continue;
    const pid = groups['pie'] ?? groups['pid'];
    const utf8 = (text: string) => Buffer.from(text, 'latin1').toString('utf8');
    const line: LogLine = { number, text: utf8(latin), ...(pid === undefined ? {} : { pid: Number(pid) }) };
    first ??= line;
    const text = utf8(groups['text'] ?? '');
    for (const reason of REASONS) {
      const match = reason.pattern.exec(text);
      if (!match) continue;
      const named = Object.entries(match.groups ?? {}) as [string, string | undefined][];
      const object: Record<string, string> = {};
      for (const [name, value] of named) if (value !== undefined) object[name.replace(/\d$/, '')] = value;
      found = { line, reason, object };
      break;
    }
  }
  return {
    line: found?.line ?? first,
    cause: found?.reason.cause,
    todo: found?.reason.todo,
    object: found?.object ?? {},
    known: images && (found ?? first) ? knownOf(images, found?.line ?? first!, found?.object ?? {}) : [],
    nrErrors,
  };
}

/** What the images know of the process and the file of an error. Damaged images know nothing. */
function knownOf(images: ImageDir, { pid: speaker }: LogLine, object: Readonly<Record<string, string>>): string[] {
  const known: string[] = [];
  const pid = object['pid'] === undefined ? speaker : Number(object['pid']);
  const { path } = object;
  try {
    const all: TaskNode[] = [];
    for (const stack = [...taskTree(images)]; stack.length > 0;) {
      const task = stack.pop()!;
      all.push(task);
      stack.push(...task.children);
    }
    const name = (of: number) => all.find((one) => one.pid === of)?.comm;
    if (pid !== undefined) {
      const task = all.find((one) => one.pid === pid || one.threads.includes(pid));
      if (task)
        known.push(`pid ${pid} is ${task.pid === pid ? '' : `a thread of ${task.pid}, `}${task.comm ?? 'unknown'}`);
    }
    if (path === undefined) return known;
    const wanted = path.startsWith('/') ? path : `/${path}`;
    const holders: string[] = [];
    for (const task of taskFiles(images)) {
      const who = `task ${task.pid} (${name(task.pid) ?? 'unknown'})`;
      for (const { fd, file } of task.fds) if (file === wanted) holders.push(`${who} has it open as descriptor ${fd}`);
      if (task.cwd === wanted) holders.push(`it is the working directory of ${who}`);
    }
    known.push(...holders.slice(0, MOST_HOLDERS));
    if (holders.length > MOST_HOLDERS) known.push(`${holders.length - MOST_HOLDERS} more have it`);
    if (holders.length === 0) known.push('no descriptor is of it: a mapping or the program may be');
  } catch (error) {
    if (!(error instanceof CritError)) throw error;
    known.push(`the images cannot tell: ${error.message}`);
  }
  return known;
}
