import { closeSync, fstatSync, lstatSync, openSync, readlinkSync } from 'node:fs';
import { stringOfBytes } from '../image/utf8.js';
import { sys, sysRaw } from '../native/sys.js';
import type { FileHandle } from '../kernel/proc/fdinfo.js';
import { readMountInfo } from '../kernel/proc/mountinfo.js';
import { F_DUPFD_CLOEXEC, O_CLOEXEC, O_DIRECTORY, O_PATH, O_RDONLY } from '../kernel/uapi/open-flags.js';
import { devMajor, devMinor, kernelDev } from '../kernel/uapi/stat.js';

/** Bytes of struct file_handle before the handle (open_by_handle_at(2)). */
const HEADER_BYTES = 8;

/**
 * The file of a handle, opened (O_PATH) by each mount of crit's that has it; a descriptor is closed when the next is asked for.
 * @param sdev device of its file system, major << 20 | minor
 */
function* opened(sdev: number, { type, bytes }: FileHandle): Generator<number> {
  const handle = new Uint8Array(HEADER_BYTES + bytes.length);
  new DataView(handle.buffer).setUint32(0, bytes.length, true);
  new DataView(handle.buffer).setInt32(4, type, true);
  handle.set(bytes, HEADER_BYTES);
  for (const mount of readMountInfo(process.pid)) {
    if (kernelDev(mount.devMajor, mount.devMinor) !== sdev) continue;
    let at: number;
    try {
      at = openSync(mount.mountPoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    } catch {
      continue; // a single file is mounted there, or it is hidden
    }
    const fd = sysRaw('open_by_handle_at', at, handle, O_PATH | O_CLOEXEC);
    closeSync(at);
    if (fd < 0) continue;
    try {
      yield fd;
    } finally {
      closeSync(fd);
    }
  }
}

/**
 * A name of a file that is known by its handle alone, as /proc/PID/fdinfo shows watched files.
 * @returns undefined when it has none in crit's mounts, or cannot be opened by handle (CAP_DAC_READ_SEARCH)
 */
export function pathOfHandle(sdev: number, ino: bigint, handle: FileHandle): string | undefined {
  for (const fd of opened(sdev, handle)) {
    const name = readlinkSync(`/proc/self/fd/${fd}`, 'buffer');
    // the name may be gone, another file's by now, or hidden by a mount
    const there = lstatSync(name, { bigint: true, throwIfNoEntry: false });
    if (there?.ino === ino && kernelDev(devMajor(there.dev), devMinor(there.dev)) === sdev) return stringOfBytes(name);
  }
  return undefined;
}

/** crit's own descriptor (O_PATH) of a file, which the caller closes; undefined as above. */
export function openHandle(sdev: number, ino: bigint, handle: FileHandle): number | undefined {
  for (const fd of opened(sdev, handle))
    if (fstatSync(fd, { bigint: true }).ino === ino) return sys('fcntl', fd, F_DUPFD_CLOEXEC, 0);
  return undefined;
}
