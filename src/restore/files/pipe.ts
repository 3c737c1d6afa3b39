import type { FileOf } from '../../image/file-kinds.js';
import { AT_FDCWD, O_LARGEFILE, O_WRONLY } from '../../kernel/uapi/open-flags.js';
import { S_IALLUGO } from '../../kernel/uapi/stat.js';
import type { Batch } from '../../task/batch.js';
import { group, type Files, type GroupMaker } from './group.js';
import { fillPipe, readPipeContents } from './pipe-data.js';
import { openFlags, place, setFlags } from './place.js';

/** pipe(2): the first end of each side is what the call returned, others are opened again (they show O_LARGEFILE). */
export const pipe: GroupMaker<'pipe'> = (files, entries) => {
  const contents = readPipeContents(files.images.dir, 'PIPES_DATA');
  const pipes = new Map<number, FileOf<'pipe'>[]>();
  for (const entry of entries) {
    files.slot(entry.id);
    const pipeId = entry.pipe.pipe_id;
    const ends = pipes.get(pipeId);
    if (ends) ends.push(entry);
    else pipes.set(pipeId, [entry]);
  }
  const reopened = new Map<number, number>();
  for (const [pipeId, ends] of pipes)
    if (ends.some((_, i) => isReopened(ends, i))) reopened.set(pipeId, files.reserve());
  return group('pipes', {
    open: ({ b }) => {
      for (const [pipeId, ends] of pipes) {
        using _doing = b.doing(`making pipe ${pipeId}`);
        const helper = reopened.get(pipeId);
        b.reserve(8, 64);
        const pair = b.out(8);
        b.call('pipe2', pair, 0);
        ends.forEach(({ id, pipe: end }, i) => {
          if (!isReopened(ends, i)) b.call('dup3', pair.int(end.flags & O_WRONLY ? 4 : 0), files.slot(id), 0);
        });
        if (helper !== undefined) b.call('dup3', pair.int(0), helper, 0);
        b.call('close', pair.int(0));
        b.call('close', pair.int(4));
        ends.forEach(({ id, pipe: end }, i) => {
          if (isReopened(ends, i))
            place(b, b.call('openat', AT_FDCWD, `/proc/self/fd/${helper}`, openFlags(end.flags), 0), files.slot(id));
          setFlags(b, files.slot(id), end.flags);
        });
        setOwner(b, files, ends[0]!);
      }
    },
    fill: () => {
      for (const [pipeId, ends] of pipes) {
        const content = contents.get(pipeId);
        if (content && (content.data.length > 0 || (content.entry.size ?? DEFAULT_BYTES) !== DEFAULT_BYTES))
          fillPipe(files.pathOf(files.slot(ends[0]!.id)), content);
      }
    },
  });
};

const DEFAULT_BYTES = 65536;
/** What pipe(2) gives. */
const DEFAULT_MODE = 0o600;

/**
 * Who may open it again through /proc/self/fd. CRIU's images do not tell: then it is the task's own user, as it was for
 * whom the pipe was made by itself.
 */
function setOwner(b: Batch, files: Files, { id, pipe: end }: FileOf<'pipe'>): void {
  const creds = files.images.holder(id)?.table.tasks[0]?.cores[0]?.thread_core?.creds;
  const uid = end.uid ?? creds?.fsuid ?? 0;
  const gid = end.gid ?? creds?.fsgid ?? 0;
  const mode = (end.mode ?? DEFAULT_MODE) & S_IALLUGO;
  if (uid || gid) b.call('fchown', files.slot(id), uid, gid);
  if (mode !== DEFAULT_MODE) b.call('fchmod', files.slot(id), mode);
}

/** Not one of the two descriptions that pipe(2) made. */
function isReopened(ends: readonly FileOf<'pipe'>[], index: number): boolean {
  const { flags } = ends[index]!.pipe;
  if (flags & O_LARGEFILE) return true;
  return ends
    .slice(0, index)
    .some(({ pipe: end }) => !(end.flags & O_LARGEFILE) && ((end.flags ^ flags) & O_WRONLY) === 0);
}
