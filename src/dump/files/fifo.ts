import { FdTypes } from '../../image/generated/messages.js';
import { O_PATH } from '../../kernel/uapi/open-flags.js';
import { S_IFIFO, S_IFMT } from '../../kernel/uapi/stat.js';
import type { FileKind } from './kind.js';
import type { OpenFile } from './open-file.js';
import { PipeContents, pipeId } from './pipe.js';

/** A pipe with a name (fifo(7)): the name is a regular file entry of its own. */
export const fifo: FileKind = {
  type: FdTypes.FIFO,
  matches: ({ link, stat, info }) => (stat.mode & S_IFMT) === S_IFIFO && link.startsWith('/') && !(info.flags & O_PATH),
  make: (files) => {
    const contents = new PipeContents(files, 'FIFO_DATA');
    return (file) => {
      const { link, stat, where, info, owner } = file;
      const open: OpenFile = { link, stat, where, mntId: info.mntId, open: () => files.take(file) };
      const regf = files.addRegular(open, info.flags, 0n, owner);
      contents.add(file);
      return { fifo: { id: file.id, pipe_id: pipeId(file), regf_id: regf } };
    };
  },
};
