import { FdTypes } from '../../image/generated/messages.js';
import { O_PATH } from '../../kernel/uapi/open-flags.js';
import { devMajor, S_IFCHR, S_IFMT } from '../../kernel/uapi/stat.js';
import type { FileKind } from './kind.js';
import { regular } from './regular.js';

/** Major number of the memory devices (Documentation/admin-guide/devices.txt): null, zero, full, random, urandom, kmsg. */
const MEM_MAJOR = 1;

/** Character devices without state: opening them again is all there is to it. */
export const chardev: FileKind = {
  type: FdTypes.REG,
  matches: ({ link, stat, info }) =>
    (stat.mode & S_IFMT) === S_IFCHR &&
    link.startsWith('/') &&
    (devMajor(stat.rdev) === MEM_MAJOR || (info.flags & O_PATH) !== 0),
  make: (files) => regular.make(files),
};
