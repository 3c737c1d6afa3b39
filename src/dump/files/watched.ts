import { closeSync, fstatSync } from 'node:fs';
import type { FhEntry } from '../../image/generated/messages.js';
import type { FileHandle } from '../../kernel/proc/fdinfo.js';
import { FIONREAD } from '../../kernel/uapi/ioctl.js';
import { sys } from '../../native/sys.js';
import { openHandle, pathOfHandle } from '../../task/handle-path.js';
import type { Description } from './description.js';
import { kernelDevOf } from './file-stat.js';
import type { Files } from './files.js';
import { unsupported } from './unsupported.js';

/** What is left to be read. Events cannot be looked at: they are refused. */
export function unreadBytes(files: Files, file: Description): number {
  return files.use(file, (fd) => {
    const bytes = new Int32Array(1);
    sys('ioctl', fd, FIONREAD, bytes);
    return bytes[0]!;
  });
}

interface WatchedFile {
  readonly sdev: number;
  readonly ino: bigint;
  readonly handle: FileHandle | undefined;
}

/**
 * How a restore finds a file that is watched: by its name; by its handle, where the kernel has forgotten the name; or, of a
 * deleted file, by device and inode, as the same file that a descriptor of the tree has open.
 * @param what for messages: "an inotify whose watch 1" @throws CritError UNSUPPORTED
 */
export function watchedFile(
  files: Files,
  file: Description,
  what: string,
  { sdev, ino, handle }: WatchedFile,
): FhEntry {
  const nameless = () => unsupported(file, `${what} is on a file that has no name here (inode ${ino})`);
  if (!handle) throw nameless();
  const words = new BigUint64Array(16);
  new Uint8Array(words.buffer).set(handle.bytes);
  const entry: FhEntry = { bytes: handle.bytes.length, type: handle.type, handle: [...words] };
  const path = pathOfHandle(sdev, ino, handle);
  if (path !== undefined) return { ...entry, path };
  const fd = openHandle(sdev, ino, handle);
  if (fd === undefined) throw nameless();
  const { nlink } = fstatSync(fd);
  closeSync(fd);
  if (nlink === 0)
    files.whenKnown(() => {
      const held = files.descriptions.some(
        ({ stat, link }) => link.startsWith('/') && stat.ino === ino && kernelDevOf(stat) === sdev,
      );
      if (!held) throw unsupported(file, `${what} is on a deleted file (inode ${ino}) that no descriptor has open`);
    });
  return entry;
}
