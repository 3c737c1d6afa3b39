import { KCMP_FILE } from '../../kernel/uapi/kcmp.js';
import { sysRaw } from '../../native/sys.js';
import type { DescriptorReader } from './descriptor-reader.js';
import { KernelOrder } from './kernel-order.js';

/** Fewer descriptions of one file are compared as fast while the tree stands. */
const MANY = 16;

interface Place {
  readonly pid: number;
  readonly fd: number;
}

/**
 * In which order the kernel has the descriptions behind descriptors, found out while the tree still runs. Descriptors may
 * be closed and opened until it stands: these are guesses, which make most comparisons of the stop unnecessary.
 */
export class FdRanks {
  readonly #inodes = new Map<string, Place[]>();
  readonly #ranks = new Map<number, Map<number, number>>();

  /** Adds the descriptors of a running process. */
  add(reader: DescriptorReader, fds: readonly number[]): void {
    for (const { fd, inode } of reader.inodes(fds)) {
      const places = this.#inodes.get(inode);
      if (places) places.push({ pid: reader.pid, fd });
      else this.#inodes.set(inode, [{ pid: reader.pid, fd }]);
    }
  }

  /** Compares those that were added. @throws CritError when one was closed meanwhile: what is known till then counts */
  compare(): void {
    for (const places of this.#inodes.values()) {
      if (places.length < MANY) continue;
      const order = new KernelOrder<Place>((a, b) => sysRaw('kcmp', a.pid, b.pid, KCMP_FILE, a.fd, b.fd));
      const same = places.map((place) => order.findOrAdd(place) ?? place);
      const ranks = new Map(order.items.map((place, rank) => [place, rank]));
      for (const [i, { pid, fd }] of places.entries()) {
        let ofProcess = this.#ranks.get(pid);
        if (!ofProcess) this.#ranks.set(pid, (ofProcess = new Map<number, number>()));
        ofProcess.set(fd, ranks.get(same[i]!)!);
      }
    }
  }

  /** The guess for KernelOrder.findOrAdd; undefined where there is none. */
  of(pid: number, fd: number): number | undefined {
    return this.#ranks.get(pid)?.get(fd);
  }
}
