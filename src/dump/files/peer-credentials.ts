import { closeSync, existsSync } from 'node:fs';
import type { UnixSkEntry } from '../../image/generated/messages.js';
import { seenByCrit, seenByTask, type ImagePid } from '../../image/pid.js';
import { ERRNO } from '../../kernel/uapi/errno.js';
import {
  POLLIN,
  SO_PEERCRED,
  SO_PEERGROUPS,
  SO_PEERPIDFD,
  SOL_SOCKET,
  UCRED,
  UCRED_BYTES,
} from '../../kernel/uapi/socket.js';
import { answer, sysRaw, SysError } from '../../native/sys.js';
import type { DumpContext } from '../context.js';
import type { FileStat } from './file-stat.js';
import { pollSocket } from './socket-queue.js';

/** A socket without peer tells this user and group. */
const NOBODY = 0xffffffff;
const FULL_MODE = 0o140777;

type PeerFields = Pick<UnixSkEntry, 'peer_pid' | 'peer_uid' | 'peer_gid' | 'peer_groups' | 'peer_gone'>;

/** The processes that made the socket pairs of a tree. */
export class PairMakers {
  readonly #ctx: DumpContext;
  /** Processes that users were warned of. */
  readonly #told = new Set<number>();

  constructor(ctx: DumpContext) {
    this.#ctx = ctx;
  }

  /** Who made the pair that a socket is of, as the kernel noted it then. @param own crit's own descriptor */
  credentials(own: number): PeerFields {
    const ucred = new DataView(new ArrayBuffer(UCRED_BYTES));
    const r = sysRaw('getsockopt', own, SOL_SOCKET, SO_PEERCRED, ucred.buffer, Uint32Array.of(UCRED_BYTES));
    if (r < 0) throw new SysError('getsockopt', -r, 'of SO_PEERCRED');
    const pid = ucred.getInt32(UCRED.pid, true);
    const uid = ucred.getUint32(UCRED.uid, true);
    const gid = ucred.getUint32(UCRED.gid, true);
    // 0: it has no peer, or one of a pid namespace that is out of sight
    if (pid <= 0 || uid === NOBODY) return {};
    const fields: PeerFields = { peer_pid: seenByTask(pid) };
    if (uid) fields.peer_uid = uid;
    if (gid) fields.peer_gid = gid;
    const groups = peerGroups(own);
    if (groups.length > 0) fields.peer_groups = groups;
    if (isGone(own)) fields.peer_gone = true;
    return fields;
  }

  /** Warns of a process that a restore cannot have. */
  warnOfOutsider(imagePid: ImagePid): void {
    const pid = seenByCrit(imagePid);
    if (this.#told.has(pid) || this.#ctx.tasks.some((task) => task.pid === pid) || !existsSync(`/proc/${pid}`)) return;
    this.#told.add(pid);
    this.#ctx.log.warn(
      `process ${pid}, outside the tree, made, connected or listened on a unix socket of it (SO_PEERCRED): a restore cannot have that one do it`,
    );
  }
}

function peerGroups(own: number): number[] {
  let groups = new Uint32Array(32);
  for (;;) {
    const length = Uint32Array.of(groups.byteLength);
    const r = sysRaw('getsockopt', own, SOL_SOCKET, SO_PEERGROUPS, groups, length);
    if (r >= 0) return [...groups.subarray(0, length[0]! >>> 2)];
    if (r !== -ERRNO.ERANGE || length[0]! <= groups.byteLength)
      throw new SysError('getsockopt', -r, 'of SO_PEERGROUPS');
    groups = new Uint32Array(length[0]! >>> 2);
  }
}

/** True when the process that made the pair has ended, so that whoever has its number is another one. */
function isGone(own: number): boolean {
  const fd = new Int32Array(1);
  const r = sysRaw('getsockopt', own, SOL_SOCKET, SO_PEERPIDFD, fd, Uint32Array.of(4));
  // EINVAL: so says Linux before 6.16
  if (r === -ERRNO.ESRCH || r === -ERRNO.EINVAL) return true;
  // before 6.5 it does not tell
  if (answer('getsockopt', r, ['ENOPROTOOPT'], 'of SO_PEERPIDFD') === undefined) return false;
  try {
    return (pollSocket(fd[0]!) & POLLIN) !== 0;
  } finally {
    closeSync(fd[0]!);
  }
}

/** Owner and permissions of a socket itself (fchown(2), fchmod(2)): where they are not those of a new one of root's. */
export function socketOwner(stat: FileStat): Pick<UnixSkEntry, 'uid' | 'gid' | 'mode'> {
  return {
    ...(stat.uid && { uid: stat.uid }),
    ...(stat.gid && { gid: stat.gid }),
    ...(stat.mode !== FULL_MODE && { mode: stat.mode }),
  };
}
