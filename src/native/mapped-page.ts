import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { PAGE_SIZE } from '../image/vma-status.js';
import { MAP_SHARED, PROT_READ, PROT_WRITE } from '../kernel/uapi/mman.js';
import { sys, sysRaw } from './sys.js';

/**
 * What a file of shared memory has behind its end, in its last page, is memory like any other for who has mapped it; no
 * read(2) or write(2) reaches it. Rings of the kernel's have no read(2) at all. 6 system calls each.
 */
function mapped<T>(
  fd: number,
  from: number,
  bytes: number,
  protection: number,
  work: (memory: number, address: number) => T,
): T {
  const address = sys('mmap', 0, bytes, protection, MAP_SHARED, fd, from);
  try {
    const memory = openSync('/proc/self/mem', protection & PROT_WRITE ? 'r+' : 'r');
    try {
      return work(memory, address);
    } finally {
      closeSync(memory);
    }
  } finally {
    sysRaw('munmap', address, bytes);
  }
}

/** So many bytes of a file as they are in memory. @param from of a page */
export function readMapped(fd: number, from: number, sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  mapped(fd, from, sizeBytes, PROT_READ, (memory, address) => {
    for (let at = 0; at < sizeBytes;) {
      const n = readSync(memory, bytes, at, sizeBytes - at, address + at);
      if (n === 0) throw new RangeError('/proc/self/mem ended');
      at += n;
    }
  });
  return bytes;
}

/** Writes to a file as it is in memory. @param from of a page @param fd opened for both */
export function writeMapped(fd: number, from: number, bytes: Uint8Array): void {
  mapped(fd, from, bytes.length, PROT_READ | PROT_WRITE, (memory, address) => {
    for (let at = 0; at < bytes.length;) at += writeSync(memory, bytes, at, bytes.length - at, address + at);
  });
}

/** The page of a file in which `offset` is. */
export function readMappedPage(fd: number, offset: number): Uint8Array {
  return readMapped(fd, offset - (offset % PAGE_SIZE), PAGE_SIZE);
}

/** Writes from `offset` on, up to the end of the page that it is in. @param fd opened for both */
export function writeMappedPage(fd: number, offset: number, bytes: Uint8Array): void {
  const within = offset % PAGE_SIZE;
  mapped(fd, offset - within, PAGE_SIZE, PROT_READ | PROT_WRITE, (memory, address) => {
    writeSync(memory, bytes, 0, Math.min(bytes.length, PAGE_SIZE - within), address + within);
  });
}
