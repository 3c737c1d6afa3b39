import { imageFileName } from './catalogue.js';
import { fileField, fileTypeName } from './file-kinds.js';
import type { EventpollTfdEntry, FdinfoEntry, FileEntry, RegFileEntry } from './generated/messages.js';

/** Something wrong with an entry: the field, or nothing where it is the entry as a whole. */
export interface EntryFault {
  readonly field: 'id' | 'fd' | 'type' | undefined;
  readonly text: string;
}

/** No table of descriptors has numbers beyond (fs.nr_open can be no more). */
const MAX_FD = 0x3fffffff;

/** The name of a value of fd_types. */
export const typeName = (type: number): string => fileTypeName(type) ?? `type ${type}`;

/** What is wrong with an entry of files.img. @param known files before it, by id */
export function fileFault(entry: FileEntry, known: { has: (id: number) => boolean }): EntryFault | undefined {
  const field = fileField(entry.type);
  if (field && entry[field] === undefined)
    return { field: undefined, text: `its type is ${typeName(entry.type)}, but there is no ${field}` };
  return known.has(entry.id) ? { field: 'id', text: `${entry.id} is there twice` } : undefined;
}

/** What is wrong with a descriptor. @param byFd those before it in the table @param file the one that it refers to */
export function descriptorFault(
  { fd, id, type }: FdinfoEntry,
  byFd: { has: (fd: number) => boolean },
  file: FileEntry | undefined,
): EntryFault | undefined {
  if (fd > MAX_FD) return { field: 'fd', text: `${fd} is no descriptor number` };
  if (byFd.has(fd)) return { field: 'fd', text: `${fd} is there twice` };
  if (!file) return { field: 'id', text: `there is no file ${id} in ${imageFileName('FILES')}` };
  if (file.type !== type) return { field: 'type', text: `${typeName(type)}, file ${id} is a ${typeName(file.type)}` };
  return undefined;
}

/** linux/limits.h */
const PATH_MAX = 4096;

/** What is wrong with the name of a regular file. */
export function pathFault({ name, ext }: RegFileEntry): string | undefined {
  if (ext || (name.startsWith('/') && !name.includes('\0') && name.length <= PATH_MAX)) return undefined;
  return `${JSON.stringify(name.slice(0, PATH_MAX))} is no absolute path`;
}

/** What is wrong with what an epoll watches. @param fds of the tables that have the epoll @param ids of files in use */
export function targetFault(
  { tfd, target_id }: EventpollTfdEntry,
  fds: { has: (fd: number) => boolean },
  ids: { has: (id: number) => boolean },
): string | undefined {
  if (target_id === undefined ? fds.has(tfd) : ids.has(target_id)) return undefined;
  return `its epoll watches descriptor ${tfd}, which is in no table of the images`;
}
