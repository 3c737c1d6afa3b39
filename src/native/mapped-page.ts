import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { PAGE_SIZE } from '../image/vma-status.js';
import { MAP_SHARED, PROT_READ, PROT_WRITE } from '../kernel/uapi/mman.js';
import { sys, sysRaw } from './sys.js';

/**
 * What a file of shared memory has behind its end, in its last page, is memory like any other for who has mapped it; no
 * read(2) or write(2) reaches it. 6 system calls each.
 */
function mapped<T>(fd: number, page: number, protection: number, work: (memory: number, address: number) => T): T {
  const address = sys('mmap', 0, PAGE_SIZE, protection, MAP_SHARED, fd, page);
  try {
    const memory = openSync('/proc/self/mem', protection & PROT_WRITE ? 'r+' : 'r');
    try {
      return work(memory, address);
    } finally {
      closeSync(memory);
    }
  } finally {
    sysRaw('munmap', address, PAGE_SIZE);
  }
}

/** The page of a file in which `offset` is. */
export function readMappedPage(fd: number, offset: number): Uint8Array {
  const bytes = new Uint8Array(PAGE_SIZE);
  mapped(fd, offset - (offset % PAGE_SIZE), PROT_READ, (memory, address) => {
    readSync(memory, bytes, 0, PAGE_SIZE, address);
  });
  return bytes;
}

/** Writes from `offset` on, up to the end of the page that it is in. @param fd opened for both */
export function writeMappedPage(fd: number, offset: number, bytes: Uint8Array): void {
  const within = offset % PAGE_SIZE;
  mapped(fd, offset - within, PROT_READ | PROT_WRITE, (memory, address) => {
    writeSync(memory, bytes, 0, Math.min(bytes.length, PAGE_SIZE - within), address + within);
  });
}
