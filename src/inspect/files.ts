import { imageFileName } from '../image/catalogue.js';
import { fileTypeName } from '../image/file-kinds.js';
import { FileNames } from './file-names.js';
import type { ImageSet } from './image-set.js';

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
export async function taskFiles(
  images: ImageSet,
  onDangling: (problem: string) => void = () => undefined,
): Promise<readonly TaskFiles[]> {
  const names = new FileNames(images);
  const out: TaskFiles[] = [];
  const seek = async (where: string, id: number): Promise<void> => {
    if (await names.isMissing(id)) onDangling(`${where}: ${imageFileName('FILES')} has no file with the id ${id}`);
  };
  for (const { pid } of await images.tasks()) {
    const table = (await images.first('IDS', pid))?.files_id;
    const fdinfo = table === undefined ? [] : ((await images.all('FDINFO', table)) ?? []);
    const fds: TaskFd[] = [];
    for (const { fd, type, id, flags } of fdinfo) {
      await seek(`${imageFileName('FDINFO', table ?? '')}: descriptor ${fd}`, id);
      fds.push({ fd, type: fileTypeName(type) ?? String(type), id, flags, file: await names.describe(type, id) });
    }
    const fs = await images.first('FS', pid);
    if (fs) await seek(`${imageFileName('FS', pid)}: cwd_id`, fs.cwd_id);
    if (fs) await seek(`${imageFileName('FS', pid)}: root_id`, fs.root_id);
    out.push({
      pid,
      files_id: table,
      fds,
      cwd: fs && (await names.path(fs.cwd_id)),
      root: fs && (await names.path(fs.root_id)),
    });
  }
  return out;
}
