import { closeSync } from 'node:fs';
import { imageFileName } from '../../image/catalogue.js';
import { CritError } from '../../image/errors.js';
import { errnoWords } from '../../kernel/uapi/errno.js';
import { PR_GET_DUMPABLE, PR_SET_DUMPABLE } from '../../kernel/uapi/prctl.js';
import { AF_UNIX, SOCK_CLOEXEC } from '../../kernel/uapi/socket.js';
import { readStatus } from '../../kernel/proc/status.js';
import { SYSCALLS, type SyscallName } from '../../arch/index.js';
import { addon } from '../../native/addon.js';
import { sysRaw } from '../../native/sys.js';
import type { UnixSkEntry } from '../../image/generated/messages.js';
import type { ImagePid } from '../../image/pid.js';
import type { Batch } from '../../task/batch.js';
import { place } from './place.js';

const KEEP = -1;
/** As many as fit the arena of a puppet. */
const MOST_GROUPS = 32768;

/** What the kernel notes of who makes a pair of sockets (SO_PEERCRED, SO_PEERGROUPS). */
export interface Maker {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

/** Who made a pair; undefined where the images do not tell. @throws CritError UNSUPPORTED */
export function makerOf(usk: UnixSkEntry): Maker | undefined {
  if (!usk.peer_pid) return undefined;
  const groups = usk.peer_groups ?? [];
  if (groups.length > MOST_GROUPS)
    throw new CritError(
      `${imageFileName('FILES')}: file ${usk.id}: peer_groups: ${groups.length} groups are not supported`,
      {
        code: 'UNSUPPORTED',
      },
    );
  return { uid: usk.peer_uid ?? 0, gid: usk.peer_gid ?? 0, groups };
}

let own: Maker | undefined;

/** What crit's puppets are, until they get their own ids at the end. */
export function puppetIds(): Maker {
  if (!own) {
    const { uid, gid, groups } = readStatus(process.pid);
    own = { uid: uid.effective, gid: gid.effective, groups };
  }
  return own;
}

/** Adds operations that the puppet does as this user. */
export function asMaker(b: Batch, maker: Maker | undefined, work: () => void): void {
  const now = puppetIds();
  const as = maker ?? now;
  const sameGroups = as.groups.length === now.groups.length && as.groups.every((g, i) => g === now.groups[i]);
  const other = as.uid !== now.uid || as.gid !== now.gid || !sameGroups;
  if (other) {
    if (!sameGroups) setGroups(b, as.groups);
    b.call('setresgid', KEEP, as.gid, KEEP);
    b.call('setresuid', KEEP, as.uid, KEEP);
  }
  work();
  if (!other) return;
  b.call('setresuid', KEEP, now.uid, KEEP);
  b.call('setresgid', KEEP, now.gid, KEEP);
  if (!sameGroups) setGroups(b, now.groups);
  // the kernel cleared it with the ids
  b.call('prctl', PR_SET_DUMPABLE, 1, 0, 0, 0);
}

/** Makes a socket pair at two slots. */
export function makePair(b: Batch, type: number, slots: readonly [number, number]): void {
  b.reserve(5, 16);
  const pair = b.out(8);
  b.call('socketpair', AF_UNIX, type, 0, pair);
  b.call('dup3', pair.int(0), slots[0], 0);
  b.call('dup3', pair.int(4), slots[1], 0);
  b.call('close', pair.int(0));
  b.call('close', pair.int(4));
}

function setGroups(b: Batch, groups: readonly number[]): void {
  b.call('setgroups', groups.length, new Uint8Array(Uint32Array.from(groups).buffer));
}

/** A system call of crit's by a process that has this number, for the time that it takes. @returns its result, or -errno */
export function callAs(pid: ImagePid, maker: Maker, name: SyscallName, ...args: (number | ArrayBufferView)[]): number {
  const dumpable = sysRaw('prctl', PR_GET_DUMPABLE, 0, 0, 0, 0);
  const groups = Uint32Array.from(maker.groups);
  const r = addon().callAs(pid, maker.uid, maker.gid, groups, SYSCALLS[name], ...(args as NodeJS.TypedArray[]));
  // its ids were others than ours, and its memory is ours
  sysRaw('prctl', PR_SET_DUMPABLE, dumpable === 1 ? 1 : 0, 0, 0, 0);
  return r;
}

/** A pair that crit has, made by a process that has ended again. */
export class OwnPair {
  readonly #fds: readonly number[];

  private constructor(fds: readonly number[]) {
    this.#fds = fds;
  }

  /** @returns a pair made under this number, or why there is none */
  static madeAs(pid: ImagePid, type: number, maker: Maker): OwnPair | string {
    const pair = new Int32Array(2);
    const r = callAs(pid, maker, 'socketpair', AF_UNIX, type | SOCK_CLOEXEC, 0, pair);
    return r < 0 ? errnoWords(-r) : new OwnPair([...pair]);
  }

  /** Has a puppet take it. */
  placeAt(b: Batch, slots: readonly [number, number]): void {
    const crit = b.call('pidfd_open', process.pid, 0);
    this.#fds.forEach((fd, i) => {
      place(b, b.call('pidfd_getfd', crit, fd, 0), slots[i]!);
    });
    b.call('close', crit);
  }

  /** To be called when the puppet has it. */
  close(): void {
    for (const fd of this.#fds) closeSync(fd);
  }
}
