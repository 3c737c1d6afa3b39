import type { ImageDir } from '../encode/image-dir.js';
import { imageFileName } from '../image/catalogue.js';
import { fileTypeName } from '../image/file-kinds.js';
import { FileNames } from './file-names.js';
import { tasksOf } from './tasks.js';

/** One descriptor of a task. */
export interface TaskFd {
  readonly fd: number;
  readonly type: string;
  /** The open file's id in files.img: descriptors with the same id share one open file. */
  readonly id: number;
  /** FD_CLOEXEC is 1 (fcntl(2), F_GETFD). */
  readonly flags: number;
  readonly file: string;
}

/** The descriptors of one task and its place in the file system. */
export interface TaskFiles {
  readonly pid: number;
  /** The descriptor table: tasks with the same number share it. undefined for a task that has none, as a zombie. */
  readonly files_id: number | undefined;
  readonly fds: readonly TaskFd[];
  readonly cwd: string | undefined;
  readonly root: string | undefined;
}

/**
 * Per task in the order of pstree.img. A zombie, which has neither descriptors nor a directory, has an empty list.
 * @param onDangling is told of each id that files.img does not have
 */
export function taskFiles(
  images: ImageDir,
  onDangling: (problem: string) => void = () => undefined,
): readonly TaskFiles[] {
  const names = new FileNames(images);
  const out: TaskFiles[] = [];
  const seek = (where: string, id: number): void => {
    if (names.isMissing(id)) onDangling(`${where}: ${imageFileName('FILES')} has no file with the id ${id}`);
  };
  for (const { pid } of tasksOf(images)) {
    const table = images.first('IDS', pid)?.files_id;
    const fdinfo = table === undefined ? [] : (images.messages('FDINFO', table) ?? []);
    const fds: TaskFd[] = [];
    for (const { fd, type, id, flags } of fdinfo) {
      seek(`${imageFileName('FDINFO', table ?? '')}: descriptor ${fd}`, id);
      fds.push({ fd, type: fileTypeName(type) ?? String(type), id, flags, file: names.describe(type, id) });
    }
    const fs = images.first('FS', pid);
    if (fs) seek(`${imageFileName('FS', pid)}: cwd_id`, fs.cwd_id);
    if (fs) seek(`${imageFileName('FS', pid)}: root_id`, fs.root_id);
    out.push({
      pid,
      files_id: table,
      fds,
      cwd: fs && names.path(fs.cwd_id),
      root: fs && names.path(fs.root_id),
    });
  }
  return out;
}
