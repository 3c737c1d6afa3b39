import { hasEnded } from '../../../image/task-state.js';
import type { UnixSkEntry } from '../../../image/generated/messages.js';
import type { ImagePid } from '../../../image/pid.js';
import type { RestoreTask } from '../../context.js';
import type { Files } from '../group.js';
import { makerOf, puppetIds, type Maker } from '../makers.js';

/** Who makes a pair, listens or connects: what the kernel notes for SO_PEERCRED and SO_PEERGROUPS. */
export interface Actor {
  /** Undefined where the images do not tell: as the root. */
  readonly maker: Maker | undefined;
  /** The task of the tree that does it, where that is not the root. */
  readonly task: RestoreTask | undefined;
  /** The number of one that is not in the tree, or has ended. */
  readonly gone: ImagePid | undefined;
}

export const ROOT: Actor = { maker: undefined, task: undefined, gone: undefined };

/** Who is the peer of a socket. @param usk whose SO_PEERCRED tells it */
export function actorOf({ ctx }: Files, usk: UnixSkEntry | undefined): Actor {
  if (!usk?.peer_pid) return ROOT;
  const maker = makerOf(usk);
  if (!usk.peer_gone && usk.peer_pid === ctx.root.pid) return { ...ROOT, maker };
  const task = usk.peer_gone ? undefined : ctx.tasks.find((task) => task.pid === usk.peer_pid);
  if (task && !hasEnded(task.cores[0]?.tc?.task_state)) return { maker, task, gone: undefined };
  return { maker, task: undefined, gone: usk.peer_pid };
}

/** The first task that has a socket, as it is now: who connects it where nobody knows who did. */
export function holderOf(files: Files, id: number): Actor {
  const task = files.images.holder(id)?.table.tasks[0];
  const creds = task?.cores[0]?.thread_core?.creds;
  if (!task || !creds) return ROOT;
  const maker = { uid: creds.euid, gid: creds.egid, groups: creds.groups ?? [] };
  return { maker, task: task === files.ctx.root ? undefined : task, gone: undefined };
}

export const sameActor = (a: Actor, b: Actor): boolean => {
  const [x, y] = [a.maker ?? puppetIds(), b.maker ?? puppetIds()];
  return (
    a.task === b.task &&
    a.gone === b.gone &&
    x.uid === y.uid &&
    x.gid === y.gid &&
    String(x.groups) === String(y.groups)
  );
};
