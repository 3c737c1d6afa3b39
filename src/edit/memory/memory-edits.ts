import type { AddressSpace } from '../../inspect/address-space/address-space.js';
import { openAddressSpace } from '../../inspect/address-space/address-space.js';
import { hasOwnPages, Memfds } from '../../inspect/address-space/mapping-base.js';
import type { Checkpoint } from '../../inspect/checkpoint.js';
import { FileNames } from '../../inspect/file-names.js';
import { CritError } from '../../image/errors.js';
import type { VmaEntry } from '../../image/generated/messages.js';
import { PAGE_SIZE, VMA } from '../../image/vma-status.js';
import type { EditedSet } from '../edited-set.js';
import { patchPages, type PagesOf } from './page-patches.js';

const cannot = (text: string): CritError => new CritError(text, { code: 'BAD_ARGUMENT' });

/** Pages of one pagemap that are changed. */
interface Changed {
  readonly of: PagesOf;
  readonly pages: Map<number, Uint8Array>;
}

/** Writes into the memory of the processes of a set. Each page is read once, kept changed, and stored by `store`. */
export class MemoryEdits implements Disposable {
  readonly #set: EditedSet;
  readonly #checkpoint: Checkpoint;
  readonly #spaces = new Map<number, AddressSpace>();
  readonly #changed = new Map<string, Changed>();
  readonly #names: FileNames;
  readonly #memfds: Memfds;

  constructor(set: EditedSet, checkpoint: Checkpoint) {
    this.#set = set;
    this.#checkpoint = checkpoint;
    this.#names = new FileNames(checkpoint.images);
    this.#memfds = new Memfds(checkpoint.images);
  }

  /** The memory of a process as it was dumped. @throws as openAddressSpace */
  space(pid: number): AddressSpace {
    let space = this.#spaces.get(pid);
    if (!space) this.#spaces.set(pid, (space = openAddressSpace(this.#checkpoint, pid)));
    return space;
  }

  /** What is there by now. @throws CritError BAD_ARGUMENT when it is not in the images */
  read(pid: number, address: bigint, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.#eachPage(pid, address, length, (page, from, at, count) => {
      bytes.set(page.subarray(from, from + count), at);
      return false;
    });
    return bytes;
  }

  /** @throws CritError BAD_ARGUMENT when nothing is mapped there, or it is in a file, or the kernel's */
  write(pid: number, address: bigint, bytes: Uint8Array): void {
    this.#eachPage(pid, address, bytes.length, (page, from, at, count) => {
      page.set(bytes.subarray(at, at + count), from);
      return true;
    });
  }

  /** Goes through the pages of a range. @param visit is given a page and which part of it; true: it has changed it */
  #eachPage(
    pid: number,
    address: bigint,
    length: number,
    visit: (page: Uint8Array, from: number, at: number, count: number) => boolean,
  ): void {
    for (let at = 0; at < length;) {
      const here = address + BigInt(at);
      const from = Number(here % BigInt(PAGE_SIZE));
      const count = Math.min(PAGE_SIZE - from, length - at);
      const start = here - BigInt(from);
      const { of, key, place } = this.#placeOf(pid, start);
      const known = this.#changed.get(key)?.pages.get(place);
      const page = known ?? this.#pageAt(pid, start);
      if (visit(page, from, at, count) && !known) {
        const changed = this.#changed.get(key) ?? { of, pages: new Map<number, Uint8Array>() };
        changed.pages.set(place, page);
        this.#changed.set(key, changed);
      }
      at += count;
    }
  }

  #pageAt(pid: number, start: bigint): Uint8Array {
    const { bytes, stopped } = this.space(pid).read(start, PAGE_SIZE);
    if (stopped)
      throw cannot(`process ${pid}: the page at 0x${start.toString(16)} is not in the images: ${stopped.reason}`);
    return Uint8Array.from(bytes);
  }

  /** Which pagemap a page of a process belongs to, and under which number. */
  #placeOf(pid: number, start: bigint): { of: PagesOf; key: string; place: number } {
    const vma = this.#vmaAt(pid, start);
    const hex = `0x${start.toString(16)}`;
    if (!vma) throw cannot(`process ${pid} has nothing mapped at ${hex}`);
    if (vma.status & (VMA.VSYSCALL | VMA.VVAR | VMA.VDSO | VMA.GUARD | VMA.SOCKET))
      throw cannot(`process ${pid}: what is at ${hex} is made by the kernel: it cannot be changed`);
    const memfd = this.#names.file(Number(vma.shmid))?.memfd?.inode_id;
    const isMemfd = (vma.status & VMA.MEMFD) !== 0 || memfd !== undefined;
    if (hasOwnPages(vma)) return placed({ type: 'PAGEMAP', id: pid }, Number(start));
    const offset = Number(start - vma.start + vma.pgoff);
    if (!isMemfd && vma.status & VMA.FILE_SHARED)
      throw cannot(
        `process ${pid}: what is at ${hex} is in the file ${this.#names.path(Number(vma.shmid))}: change it there`,
      );
    const shmid = isMemfd ? this.#memfds.of(memfd)?.shmid : Number(vma.shmid);
    if (shmid === undefined) throw cannot(`process ${pid}: the images do not have the memfd at ${hex}`);
    return placed({ type: 'SHMEM_PAGEMAP', id: shmid }, offset);
  }

  #vmaAt(pid: number, address: bigint): VmaEntry | undefined {
    return this.space(pid).mm.vmas?.find(({ start, end }) => start <= address && address < end);
  }

  /** Puts the changed pages into the set. */
  store(): void {
    for (const { of, pages } of this.#changed.values()) patchPages(this.#set, of, pages);
    this.#changed.clear();
  }

  /** Changes pages that the process does not have yet: of a mapping that is added. */
  add(pid: number, address: bigint, bytes: Uint8Array): void {
    const { of, key } = placed({ type: 'PAGEMAP', id: pid }, 0);
    const changed = this.#changed.get(key) ?? { of, pages: new Map<number, Uint8Array>() };
    for (let at = 0; at < bytes.length; at += PAGE_SIZE) {
      const page = new Uint8Array(PAGE_SIZE);
      page.set(bytes.subarray(at, at + PAGE_SIZE));
      changed.pages.set(Number(address) + at, page);
    }
    this.#changed.set(key, changed);
  }

  [Symbol.dispose](): void {
    for (const space of this.#spaces.values()) space[Symbol.dispose]();
  }
}

const placed = (of: PagesOf, place: number) => ({ of, key: `${of.type}-${of.id}`, place });
