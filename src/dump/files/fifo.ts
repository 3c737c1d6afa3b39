import { FdTypes } from '../../image/generated/messages.js';
import { O_PATH } from '../../kernel/uapi/open-flags.js';
import { S_IFIFO, S_IFMT } from '../../kernel/uapi/stat.js';
import type { FileKind } from './kind.js';
import { noteData, pipeId } from './pipe.js';

/** A pipe with a name (fifo(7)): the name is a regular file entry of its own. */
export const fifo: FileKind = {
  type: FdTypes.FIFO,
  matches: ({ link, stat, info }) => (stat.mode & S_IFMT) === S_IFIFO && link.startsWith('/') && !(info.flags & O_PATH),
  describe: (file, files) => {
    const regf = files.addRegular(
      {
        link: file.link,
        stat: file.stat,
        where: file.where,
        mntId: file.info.mntId,
        open: () => files.take(file),
      },
      file.info.flags,
      0n,
      file.owner,
    );
    noteData(file, files, 'FIFO_DATA');
    return { fifo: { id: file.id, pipe_id: pipeId(file), regf_id: regf } };
  },
};
