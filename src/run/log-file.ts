import { closeSync, writeSync } from 'node:fs';
import os from 'node:os';
import { nowMs } from '../image/clock.js';
import { CritError } from '../image/errors.js';
import type { Log } from '../image/log.js';
import { openOutput } from '../kernel/trusted-path.js';
import { whyFailed } from '../image/system-words.js';
import { CRIU_VERSION, packageVersion } from './package-version.js';

/** CRIU's levels. Timestamps are printed from INFO up. */
const ERROR = 1;
const WARN = 2;
const INFO = 3;
const DEBUG = 4;

/** A log that is longer than this is written while work goes on. */
const BUFFER_CHARS = 1 << 16;

/** `(seconds.microseconds` in ten characters, as CRIU prints it: after 99 seconds the last digits give way. */
export function timestamp(micros: number): string {
  const seconds = Math.floor(micros / 1e6);
  const rest = Math.floor(micros % 1e6);
  return `(${String(seconds).padStart(2, '0')}.${String(rest).padStart(6, '0')}`.slice(0, 10);
}

/** Names come from outside: one line each, no terminal controls. */
export function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ').replace(
    // eslint-disable-next-line no-control-regex -- these are the characters in question
    /[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]/g,
    (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

/**
 * The log of a dump or restore, in CRIU's form: `(00.012345) text`, errors as `Error (src/dump): text`. Lines are kept
 * until there are many, an error comes, or the end. Errors and warnings are told to the user too, in the form that all of
 * crit's commands have: a log is never the only place of one.
 */
export class LogFile implements Log, Disposable {
  readonly #level: number;
  readonly #fd: number;
  readonly #name: string;
  readonly #room: string;
  readonly #tell: (line: string) => void;
  readonly #start = nowMs();
  readonly #warned = new Set<string>();
  #text = '';
  #broken = false;

  /**
   * @param file name of a new file; "-" for standard output; undefined for standard error
   * @param level CRIU's verbosity
   * @param room which part of crit speaks, for errors and warnings: "src/dump"
   * @param tell writes a line to standard error
   * @throws CritError when the file cannot be made
   */
  constructor(file: string | undefined, level: number, room: string, tell: (line: string) => void) {
    this.#level = level;
    this.#room = room;
    this.#tell = tell;
    this.#name = file ?? 'standard error';
    this.#fd = file === undefined ? 2 : file === '-' ? 1 : openLog(file);
    this.info(`Version: ${CRIU_VERSION} (crit ${packageVersion()})`);
    this.info(`Running on ${os.hostname()} ${os.type()} ${os.release()} ${os.version()} ${os.machine()}`);
  }

  error(text: string): void {
    const line = oneLine(text);
    if (this.#fd !== 2) this.#write(ERROR, `Error (${this.#room}): ${line}`);
    this.flush();
    this.#tell(`crit: ${line}`);
  }

  warn(text: string): void {
    const line = oneLine(text);
    if (this.#fd !== 2) this.#write(WARN, `Warn  (${this.#room}): ${line}`);
    if (this.#level < WARN || this.#warned.has(line)) return;
    this.#warned.add(line);
    if (this.#fd === 2) this.flush();
    this.#tell(`crit: warning: ${line}`);
  }

  info(text: string): void {
    this.#write(INFO, oneLine(text));
  }

  debug(text: string): void {
    if (this.#level >= DEBUG) this.#write(DEBUG, oneLine(text));
  }

  /** Into the file only: a line that would tell people nothing new. */
  note(text: string): void {
    if (this.#fd !== 2) this.#write(ERROR, `Error (${this.#room}): ${oneLine(text)}`);
  }

  #write(level: number, line: string): void {
    if (level > this.#level) return;
    const prefix = this.#level >= INFO ? `${timestamp((nowMs() - this.#start) * 1000)}) ` : '';
    this.#text += `${prefix}${line}\n`;
    if (this.#text.length > BUFFER_CHARS) this.flush();
  }

  /** Writes what is held back. A log that cannot be written is no reason to fail: that is said once. */
  flush(): void {
    const bytes = Buffer.from(this.#text);
    this.#text = '';
    if (this.#broken) return;
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(this.#fd, bytes, at);
    } catch (error) {
      this.#broken = true;
      if (this.#fd !== 2) this.#tell(`crit: warning: the log ${this.#name} cannot be written: ${whyFailed(error)}`);
    }
  }

  [Symbol.dispose](): void {
    this.flush();
    if (this.#fd > 2) closeSync(this.#fd);
  }
}

function openLog(file: string): number {
  try {
    return openOutput(file);
  } catch (error) {
    if (error instanceof CritError) throw error;
    throw new CritError(`the log ${file} cannot be made: ${whyFailed(error)}`, { code: 'CANNOT_WRITE', cause: error });
  }
}
