import { closeSync, writeSync } from 'node:fs';
import { CritError } from '../image/errors.js';
import type { Pid } from '../image/pid.js';
import { whyFailed } from '../image/system-words.js';
import { createNewFile } from '../kernel/trusted-path.js';

/** The file is made, never written over: it may be another's. @returns removes it again @throws CritError PIDFILE */
export function writePidfile(file: string, pid: Pid): () => void {
  try {
    const { fd, remove } = createNewFile(file);
    try {
      writeSync(fd, String(pid));
    } catch (error) {
      remove();
      throw error;
    } finally {
      closeSync(fd);
    }
    return remove;
  } catch (error) {
    throw new CritError(`the pidfile ${file} cannot be made: ${whyFailed(error)}`, { code: 'PIDFILE', cause: error });
  }
}
