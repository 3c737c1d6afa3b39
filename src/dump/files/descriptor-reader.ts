import { closeSync } from 'node:fs';
import { sysRaw, SysError, cString } from '../../native/sys.js';
import { parseFdInfo, type FdInfo } from '../../kernel/fdinfo.js';
import { openPidfd, takeFd } from '../../task/descriptors.js';
import { O_DIRECTORY, O_PATH } from '../../kernel/open-flags.js';

let chunk = Buffer.alloc(1 << 16);

/** Looks at the descriptors of one process from outside: no stop, no batch; 5 system calls of crit's a descriptor. */
export class DescriptorReader implements Disposable {
  readonly pid: number;
  readonly #pidfd: number;
  readonly #fdinfo: number;

  constructor(pid: number) {
    this.pid = pid;
    this.#pidfd = openPidfd(pid);
    const dir = sysRaw('open', cString(`/proc/${pid}/fdinfo`), O_PATH | O_DIRECTORY);
    if (dir < 0) throw new SysError('open', -dir, `of /proc/${pid}/fdinfo`);
    this.#fdinfo = dir;
  }

  /** fdinfo of a descriptor, and whether a file lock is held through it. */
  info(fd: number): FdInfo {
    const file = sysRaw('openat', this.#fdinfo, cString(String(fd)), 0);
    if (file < 0) throw new SysError('openat', -file, `of /proc/${this.pid}/fdinfo/${fd}`);
    let used = 0;
    for (;;) {
      const n = sysRaw('read', file, chunk.subarray(used), chunk.length - used);
      if (n < 0) throw new SysError('read', -n, `of /proc/${this.pid}/fdinfo/${fd}`);
      used += n;
      // the kernel renders the whole text at once: a short read ends it
      if (used < chunk.length) break;
      chunk = Buffer.concat([chunk], chunk.length * 2);
    }
    sysRaw('close', file);
    return parseFdInfo(chunk.toString('latin1', 0, used), `/proc/${this.pid}/fdinfo/${fd}`);
  }

  /** crit's own descriptor of the same description; the caller closes it. @throws SysError */
  take(fd: number): number {
    return takeFd(this.#pidfd, fd);
  }

  [Symbol.dispose](): void {
    closeSync(this.#pidfd);
    closeSync(this.#fdinfo);
  }
}
