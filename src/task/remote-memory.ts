import type { Pid } from '../image/pid.js';
import { addon } from '../native/addon.js';
import { SysError, sysRaw } from '../native/sys.js';

const IOV_MAX = 1024;

/** A range of another task's memory, bytes. */
export interface Range {
  address: number;
  sizeBytes: number;
}

function iovecs(ranges: readonly Range[]): BigUint64Array {
  const iov = new BigUint64Array(ranges.length * 2);
  ranges.forEach((range, i) => {
    iov[i * 2] = BigInt(range.address);
    iov[i * 2 + 1] = BigInt(range.sizeBytes);
  });
  return iov;
}

/**
 * process_vm_readv(2) of up to 1024 ranges into `into`, one after the other.
 * @returns bytes read: fewer than asked where a range is not readable
 * @throws SysError
 */
export function readRanges(pid: Pid, ranges: readonly Range[], into: Uint8Array): number {
  const local = new BigUint64Array([addon().addressOf(into), BigInt(into.length)]);
  const r = sysRaw('process_vm_readv', pid, local, 1, iovecs(ranges.slice(0, IOV_MAX)), ranges.length, 0);
  if (r < 0) throw new SysError('process_vm_readv', -r, `of task ${pid}`);
  return r;
}

/** Reads `sizeBytes` at `address` of a task. @throws SysError, also when only a part is readable */
export function readMemory(pid: Pid, address: number | bigint, sizeBytes: number): Buffer {
  const buffer = Buffer.alloc(sizeBytes);
  if (sizeBytes === 0) return buffer;
  const got = readRanges(pid, [{ address: Number(address), sizeBytes }], buffer);
  if (got !== sizeBytes) throw new SysError('process_vm_readv', 14, `of task ${pid} at 0x${address.toString(16)}`);
  return buffer;
}

/** Writes bytes at `address` of a task (process_vm_writev(2): its protections count). @throws SysError */
export function writeMemory(pid: Pid, address: number | bigint, bytes: Uint8Array): void {
  if (bytes.length === 0) return;
  const local = new BigUint64Array([addon().addressOf(bytes), BigInt(bytes.length)]);
  const r = sysRaw(
    'process_vm_writev',
    pid,
    local,
    1,
    iovecs([{ address: Number(address), sizeBytes: bytes.length }]),
    1,
    0,
  );
  if (r !== bytes.length)
    throw new SysError('process_vm_writev', r < 0 ? -r : 14, `of task ${pid} at 0x${address.toString(16)}`);
}

/** Reads one task's memory. */
export const readerOf = (pid: Pid) => (address: number, sizeBytes: number) => readMemory(pid, address, sizeBytes);
