import { readSync, writeSync } from 'node:fs';
import { CritError } from '../../image/errors.js';
import { F_SETFL, O_NONBLOCK } from '../../kernel/uapi/open-flags.js';
import { sysRaw } from '../../native/sys.js';
import { CHANNEL_FD, type EngineMessage } from './messages.js';

const sleeper = new Int32Array(new SharedArrayBuffer(4));
const RETRY_MS = 2;

/**
 * Answers on their way to whoever started this process. Until the last one nothing waits for the reader: a tree may stand
 * still meanwhile.
 */
export class Channel {
  #waiting = Buffer.alloc(0);

  /** From now on the channel is not waited for. @throws CritError NO_NATIVE */
  dontWait(): void {
    sysRaw('fcntl', CHANNEL_FD, F_SETFL, O_NONBLOCK);
  }

  /** @throws CritError INTERRUPTED when whoever asked for the work is gone */
  checkReader(): void {
    try {
      // it never writes: there is nothing to read, or the end
      if (readSync(CHANNEL_FD, new Uint8Array(1)) > 0) return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return;
    }
    throw new CritError('given up because the program that asked for it is gone', { code: 'INTERRUPTED' });
  }

  /** Sends, or keeps for later what the reader does not take now. */
  send(message: EngineMessage): void {
    this.#waiting = Buffer.concat([this.#waiting, Buffer.from(`${JSON.stringify(message)}\n`)]);
    this.#write();
  }

  /** Sends what is out of date soon; nothing to a reader who is behind. */
  sendNow(message: EngineMessage): void {
    if (this.#waiting.length === 0) this.send(message);
  }

  /** Waits until all is taken. */
  end(): void {
    while (this.#waiting.length > 0) {
      this.#write();
      if (this.#waiting.length > 0) Atomics.wait(sleeper, 0, 0, RETRY_MS);
    }
  }

  #write(): void {
    try {
      while (this.#waiting.length > 0) this.#waiting = this.#waiting.subarray(writeSync(CHANNEL_FD, this.#waiting));
    } catch (error) {
      // nobody is there any more
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') this.#waiting = Buffer.alloc(0);
    }
  }
}
