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
import { CritError } from '../image/errors.js';
import { systemWords, whyFailed } from '../image/system-words.js';
import { print, ReaderGone, writeAll } from './stdout.js';

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
  const fd = naming(file, () => openSync(file, constants.O_WRONLY));
  const gatherer = new Gatherer((data) => writeAll(fd, data, file));
  return {
    write: (data) => gatherer.write(data),
    commit: () => {
      gatherer.flush();
      closeSync(fd);
    },
    abort: () => closeSync(fd),
  };
}

/** Does something for a file that the user has named: errors name that one, whatever crit had to open. */
function naming<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof CritError || error instanceof ReaderGone) throw error;
    const { code } = error as NodeJS.ErrnoException;
    const dir = path.dirname(file);
    const why =
      code === 'ENOENT'
        ? `there is no directory ${dir}`
        : code === 'EISDIR'
          ? 'it is a directory, and -o names a file'
          : code === 'EACCES'
            ? `no file may be made in ${dir} (${systemWords(code)})`
            : whyFailed(error);
    throw new CritError(`${file}: cannot be written: ${why}`, { code: 'CANNOT_WRITE', cause: error });
  }
}

const TERMINATING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** @param named as the user wrote it */
function fileSink(file: string, named: string): Sink {
  const random = Math.random().toString(36).slice(2, 8);
  const temporary = path.join(path.dirname(file), `.${path.basename(file)}.${process.pid}${random}`);
  // Images hold a process's memory and secrets: nobody but the owner reads them.
  const fd = naming(named, () =>
    openSync(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600),
  );
  const gatherer = new Gatherer((data) => writeAll(fd, data, named));
  let open = true;
  const close = (): void => {
    if (open) {
      open = false;
      closeSync(fd);
    }
  };
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
        naming(named, () => {
          fchmodSync(fd, 0o600);
          fsyncSync(fd);
          close();
          renameSync(temporary, file);
        });
      } catch (error) {
        remove();
        throw error;
      } finally {
        done();
      }
    },
    abort: () => {
      close();
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
    target = naming(file, () => realpathSync(file));
    const stat = statSync(target);
    if (stat.isDirectory()) naming(file, () => openSync(target, constants.O_WRONLY));
    if (!stat.isFile()) return specialSink(target);
  } catch (error) {
    const { cause } = error as { cause?: NodeJS.ErrnoException };
    if (cause?.code !== 'ENOENT') throw error;
  }
  return fileSink(target, file);
}
