import {
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import path from 'node:path';
import { print, writeAll } from './stdout.js';

/** Where a subcommand's result goes: nothing is at its place before commit(), nothing is left after abort(). */
export interface Sink {
  write(data: string | Uint8Array): void;
  commit(): void;
  abort(): void;
}

/** Pieces this large are worth a system call. */
const BUFFER_BYTES = 64 * 1024;

/** Gathers small pieces of text. */
class Gatherer {
  readonly #put: (data: string | Uint8Array) => void;
  #text = '';
  constructor(put: (data: string | Uint8Array) => void) {
    this.#put = put;
  }
  write(data: string | Uint8Array): void {
    if (typeof data === 'string' && data.length < BUFFER_BYTES) {
      this.#text += data;
      if (this.#text.length >= BUFFER_BYTES) this.flush();
      return;
    }
    this.flush();
    this.#put(data);
  }
  flush(): void {
    if (this.#text === '') return;
    const text = this.#text;
    this.#text = '';
    this.#put(text);
  }
}

function stdoutSink(): Sink {
  const gatherer = new Gatherer(print);
  return {
    write: (data) => gatherer.write(data),
    commit: () => gatherer.flush(),
    // What was sound is worth having on a terminal or in a pipe; the exit status says that it is not all.
    abort: () => gatherer.flush(),
  };
}

/** A device, a FIFO, /dev/stdout: opened and written as it is, there is nothing to rename onto. */
function specialSink(file: string): Sink {
  const fd = openSync(file, constants.O_WRONLY);
  const gatherer = new Gatherer((data) => writeAll(fd, data));
  return {
    write: (data) => gatherer.write(data),
    commit: () => {
      gatherer.flush();
      closeSync(fd);
    },
    abort: () => closeSync(fd),
  };
}

const TERMINATING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

function fileSink(file: string): Sink {
  const random = Math.random().toString(36).slice(2, 8);
  const temporary = path.join(path.dirname(file), `.${path.basename(file)}.${process.pid}${random}`);
  // Images hold a process's memory and secrets: nobody but the owner reads them.
  const fd = openSync(
    temporary,
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
    0o600,
  );
  const gatherer = new Gatherer((data) => writeAll(fd, data));
  const remove = (): void => {
    try {
      unlinkSync(temporary);
    } catch {
      // Already gone.
    }
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    remove();
    for (const name of TERMINATING) process.removeListener(name, onSignal);
    process.kill(process.pid, signal);
  };
  for (const name of TERMINATING) process.on(name, onSignal);
  const done = (): void => {
    for (const name of TERMINATING) process.removeListener(name, onSignal);
  };
  return {
    write: (data) => gatherer.write(data),
    commit: () => {
      try {
        gatherer.flush();
        fchmodSync(fd, 0o600);
        fsyncSync(fd);
        closeSync(fd);
        renameSync(temporary, file);
      } catch (error) {
        remove();
        throw error;
      } finally {
        done();
      }
    },
    abort: () => {
      closeSync(fd);
      remove();
      done();
    },
  };
}

/**
 * Opens the place for a result: standard output when no file is named, else the file, which appears at once and whole
 * (written beside its place, mode 0600, then renamed). A symbolic link is followed, a device or FIFO written to.
 */
export function openSink(file: string | undefined): Sink {
  if (file === undefined || file === '-') return stdoutSink();
  let target = file;
  try {
    target = realpathSync(file);
    const stat = statSync(target);
    if (!stat.isFile() && !stat.isDirectory()) return specialSink(target);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return fileSink(target);
}
