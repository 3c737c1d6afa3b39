import { closeSync } from 'node:fs';
import { sysRaw, SysError, cString } from '../../native/sys.js';
import type { FownEntry } from '../../image/generated/messages.js';
import { parseFdInfo, readFdInfo, type FdInfo } from '../../kernel/proc/fdinfo.js';
import { KCMP_FILE } from '../../kernel/uapi/kcmp.js';
import { openPidfd, takeFd } from '../../task/descriptors.js';
import { F_GETOWN_EX, F_GETSIG, O_CLOEXEC, O_DIRECTORY, O_PATH, AT_FDCWD } from '../../kernel/uapi/open-flags.js';
import { STAT_BYTES } from '../../kernel/uapi/stat.js';
import type { Batch } from '../../task/batch.js';
import { askAll, ownBatch } from '../../task/own.js';
import { readLink, StatRecord, type FileStat } from './file-stat.js';
import { ownerOf } from './owner.js';

/** Room for an fdinfo; longer ones (an epoll of many targets) are read on their own. */
const INFO_BYTES = 512;
const LINK_BYTES = 256;
const OWNER_BYTES = 8;

/** What a descriptor is: the descriptor's own flag and the description's state. */
export interface LookedAt {
  readonly fd: number;
  readonly info: FdInfo;
  /** It is the description that the other process has under this number. */
  readonly inherited: boolean;
  /** @throws SysError */
  readonly target: () => DescriptorTarget;
}

/** What a description refers to. */
export interface DescriptorTarget {
  /** As /proc/PID/fd/N spells it, seen from crit. */
  readonly link: string;
  readonly stat: FileStat;
  readonly owner: FownEntry;
}

/**
 * Looks at the descriptors of one process from outside: no stop, and no step into JavaScript for each call, of which a
 * descriptor takes four to nine.
 */
export class DescriptorReader implements Disposable {
  readonly pid: number;
  readonly #pidfd: number;
  readonly #fdinfo: number;
  readonly #fd: number;

  constructor(pid: number) {
    this.pid = pid;
    this.#pidfd = openPidfd(pid);
    this.#fdinfo = openDirectory(`/proc/${pid}/fdinfo`);
    this.#fd = openDirectory(`/proc/${pid}/fd`);
  }

  /**
   * Looks at descriptors, each compared with the same number of another process: where that is the same description,
   * there is no need for its target.
   * @throws SysError, ProcGone
   */
  look(fds: readonly number[], other: number | undefined): Generator<LookedAt> {
    return askAll(fds, (b, fd) => {
      const info = this.#askInfo(b, fd);
      if (other === undefined) {
        const target = this.#askTarget(b, fd);
        return () => ({ fd, info: info(), inherited: false, target });
      }
      const order = b.tryCall('kcmp', other, this.pid, KCMP_FILE, fd, fd);
      const target = () => {
        const now = ownBatch();
        const answer = this.#askTarget(now, fd);
        now.run();
        return answer();
      };
      return () => ({ fd, info: info(), inherited: order.value === 0, target });
    });
  }

  /** The files of descriptors of a process that runs, those that are still there: a key each, of device and inode. */
  *inodes(fds: readonly number[]): Generator<{ fd: number; inode: string }> {
    const answers = askAll(fds, (b, fd) => {
      b.reserve(3, STAT_BYTES + 64);
      const stat = b.out(STAT_BYTES);
      const own = b.tryCall('pidfd_getfd', this.#pidfd, fd, 0);
      const stated = b.tryCall('fstat', own, stat);
      b.tryCall('close', own);
      return () => ({ fd, stat: stated.value < 0 ? undefined : new StatRecord(stat.view) });
    });
    for (const { fd, stat } of answers) if (stat) yield { fd, inode: `${stat.dev}:${stat.ino}` };
  }

  #askInfo(b: Batch, fd: number): () => FdInfo {
    b.reserve(3, INFO_BYTES + 64);
    const text = b.out(INFO_BYTES);
    const file = b.tryCall('openat', this.#fdinfo, String(fd), O_CLOEXEC, 0);
    const n = b.tryCall('read', file, text, INFO_BYTES);
    b.tryCall('close', file);
    return () => {
      const source = `/proc/${this.pid}/fdinfo/${fd}`;
      if (n.value < 0) throw new SysError('read', -n.value, `of ${source}`);
      // the kernel renders the whole text at once: only a read that fills the buffer may not have been all
      if (n.value === INFO_BYTES) return readFdInfo(this.pid, fd);
      return parseFdInfo(text.text(n.value), source);
    };
  }

  #askTarget(b: Batch, fd: number): () => DescriptorTarget {
    b.reserve(6, STAT_BYTES + LINK_BYTES + OWNER_BYTES + 64);
    const stat = b.out(STAT_BYTES);
    const link = b.out(LINK_BYTES);
    const owner = b.out(OWNER_BYTES);
    const own = b.tryCall('pidfd_getfd', this.#pidfd, fd, 0);
    const stated = b.tryCall('fstat', own, stat);
    const length = b.tryCall('readlinkat', this.#fd, String(fd), link, LINK_BYTES);
    const signal = b.tryCall('fcntl', own, F_GETSIG, 0);
    const owned = b.tryCall('fcntl', own, F_GETOWN_EX, owner);
    b.tryCall('close', own);
    return () => {
      const path = `/proc/${this.pid}/fd/${fd}`;
      if (own.value < 0) throw new SysError('pidfd_getfd', -own.value, `of ${path}`);
      if (stated.value < 0) throw new SysError('fstat', -stated.value, `of ${path}`);
      const whole = length.value >= 0 && length.value < LINK_BYTES;
      return {
        stat: new StatRecord(stat.view),
        link: whole ? link.text(length.value) : readLink(path),
        owner: ownerOf(signal.value, owned.value, owner.view, (use) => this.use(fd, use)),
      };
    };
  }

  /** crit's own descriptor of the same description; the caller closes it. @throws SysError */
  take(fd: number): number {
    return takeFd(this.#pidfd, fd);
  }

  /** crit's own descriptor of the same description, for as long as `work` takes. @throws SysError */
  use<T>(fd: number, work: (own: number) => T): T {
    const own = this.take(fd);
    try {
      return work(own);
    } finally {
      closeSync(own);
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#pidfd);
    closeSync(this.#fdinfo);
    closeSync(this.#fd);
  }
}

function openDirectory(path: string): number {
  const fd = sysRaw('openat', AT_FDCWD, cString(path), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) throw new SysError('open', -fd, `of ${path}`);
  return fd;
}
