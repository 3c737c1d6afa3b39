import { closeSync, openSync } from 'node:fs';
import { CritError } from '../../image/errors.js';
import { FdTypes } from '../../image/generated/messages.js';
import { mapFilesName, type MapEntry } from '../../kernel/proc/maps.js';
import { isRingPlace } from '../../kernel/uapi/io-uring.js';
import { O_PATH } from '../../kernel/uapi/open-flags.js';
import { devMajor, devMinor, S_IFCHR, S_IFMT } from '../../kernel/uapi/stat.js';
import { hugeFlagOf, isMemoryObject } from '../memory-objects.js';
import type { MappedFile } from '../vmas.js';
import { readLink, statPath, type FileStat } from './file-stat.js';
import type { Files } from './files.js';
import { IO_URING_LINK } from './io-uring.js';
import { memfdName } from './memfd.js';
import { NO_OWNER } from './owner.js';

/** Major number of /dev/null and /dev/zero, the devices that may be mapped. */
const MEM_MAJOR = 1;

/** Files that links of /proc name, without a descriptor: programs, mapped files, directories. Each has one id. */
export class LinkedFiles {
  readonly #files: Files;
  readonly #byLink = new Map<string, MappedFile>();
  readonly #byMapping = new Map<string, MappedFile>();

  constructor(files: Files) {
    this.#files = files;
  }

  /** The file of a link. @param where for messages @throws CritError UNSUPPORTED */
  of(path: string, where: string): MappedFile {
    const stat = statPath(path);
    const link = readLink(path);
    if (!stat) throw new CritError(`${where} (${link}): it is gone`, { code: 'UNSUPPORTED' });
    const key = `${stat.dev}:${stat.ino}:${link}`;
    let known = this.#byLink.get(key);
    if (!known) this.#byLink.set(key, (known = this.#add(path, where, link, stat)));
    return known;
  }

  #add(path: string, where: string, link: string, stat: FileStat): MappedFile {
    // a program may have been started from a memfd
    if (isMemoryObject(stat)) return { id: this.#memfd(link, stat, path), memfd: true, hugeFlag: hugeFlagOf(stat) };
    const file = { link, stat, where, open: () => openSync(path, O_PATH) };
    return { id: this.#files.addRegular(file, 0, 0n, NO_OWNER), memfd: false, hugeFlag: 0 };
  }

  #memfd(name: string, stat: FileStat, path: string): number {
    const fd = openSync(path, 'r');
    try {
      const id = this.#files.newId();
      const inode_id = this.#files.memfdInode(memfdName(name), stat, fd);
      this.#files.add({ type: FdTypes.MEMFD, id, memfd: { id, flags: 0, pos: 0n, fown: NO_OWNER, inode_id } });
      return id;
    } finally {
      closeSync(fd);
    }
  }

  /** The file of a mapping; a shared anonymous mapping is a memfd to the images. @throws CritError UNSUPPORTED */
  ofMapping(pid: number, map: MapEntry): MappedFile {
    const name = map.path + (map.deleted ? ' (deleted)' : '');
    const key = `${map.devMajor}:${map.devMinor}:${map.inode}:${name}`;
    let known = this.#byMapping.get(key);
    if (!known) this.#byMapping.set(key, (known = this.#mapped(pid, map, name)));
    return known;
  }

  #mapped(pid: number, map: MapEntry, name: string): MappedFile {
    const where = `process ${pid}, mapping ${mapFilesName(map)}`;
    const path = `/proc/${pid}/map_files/${mapFilesName(map)}`;
    const stat = statPath(path);
    if (!stat) throw new CritError(`${where} (${name}): its file is out of reach`, { code: 'UNSUPPORTED' });
    if ((stat.mode & S_IFMT) === S_IFCHR && devMajor(stat.rdev) !== MEM_MAJOR)
      throw new CritError(
        `${where} (${name}): a mapping of a character device (${devMajor(stat.rdev)}:${devMinor(stat.rdev)}) is not supported`,
        { code: 'UNSUPPORTED' },
      );
    return this.of(path, where);
  }

  /** The id of the io_uring that is mapped; all descriptors are known. @throws CritError UNSUPPORTED */
  ringOf(pid: number, map: MapEntry): number {
    const alike = this.#files.descriptions.filter(
      ({ link, stat }) => link === IO_URING_LINK && stat.ino === map.inode && !map.deleted,
    );
    const [ring] = alike;
    const why =
      ring === undefined
        ? 'which no descriptor of the tree refers to any more'
        : alike.length > 1
          ? 'which this kernel does not tell from another one'
          : isRingPlace(map.offset)
            ? undefined
            : 'of which only a part is mapped';
    if (why !== undefined)
      throw new CritError(`process ${pid}, mapping ${mapFilesName(map)}: an io_uring ${why}: not supported`, {
        code: 'UNSUPPORTED',
      });
    return ring!.id;
  }
}
