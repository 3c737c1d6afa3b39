import { FdTypes, type FdinfoEntry } from '../../image/generated/messages.js';
import { O_ACCMODE, O_RDONLY, O_RDWR, O_WRONLY } from '../../kernel/uapi/open-flags.js';
import type { ImageEntry } from '../../image/entry.js';
import type { EditedSet } from '../edited-set.js';
import { badChange, number, parts, processOf, small } from './spec.js';

/** The descriptor table of a process; others may share it. */
function tableOf(set: EditedSet, pid: number): number {
  const id = set.look('IDS', pid)?.entries[0]?.message.files_id;
  if (id === undefined || !set.has('FDINFO', id)) throw badChange(`process ${pid} has no descriptor`);
  return id;
}

function find(set: EditedSet, where: string): { pid: number; fd: number; table: number; info: FdinfoEntry } {
  const [who = '', number_ = ''] = where.split(':');
  const pid = processOf(set, who);
  const fd = small(number_, 'descriptor', 0x7fffffff);
  const table = tableOf(set, pid);
  const info = set.look('FDINFO', table)?.entries.find(({ message }) => message.fd === fd)?.message;
  if (!info) throw badChange(`process ${pid} has no descriptor ${fd}`);
  return { pid, fd, table, info };
}

/** `PID:FD=BYTES`: the position in a regular file; descriptors that share the open file share it. */
export function changePosition(set: EditedSet, text: string): string {
  const [where, bytes] = parts(text, 'PID:FD=BYTES');
  const { pid, fd, info } = find(set, where);
  const pos = number(bytes, 'position', 2n ** 63n - 1n);
  const changed = set.changeIf('FILES', undefined, ({ entries }) => {
    const reg = entries.find(({ message }) => message.id === info.id)?.message.reg;
    if (reg) reg.pos = pos;
    return reg ? 1 : 0;
  });
  if (changed === 0) throw badChange(`descriptor ${fd} of process ${pid} is no regular file`);
  return `descriptor ${fd} of process ${pid} stands at ${pos}`;
}

/** Kinds of files that mean nothing without the others of their set: what would be left is not what was dumped. */
const TOGETHER: ReadonlySet<number> = new Set([FdTypes.PIPE, FdTypes.UNIXSK, FdTypes.EVENTPOLL]);

/** `PID:FD`: the descriptor is not there after the restore; an open file that nobody else has is not opened. */
export function dropDescriptor(set: EditedSet, text: string): string {
  const { pid, fd, table, info } = find(set, text);
  const image = set.change('FDINFO', table);
  image.entries = image.entries.filter(({ message }) => message.fd !== fd);
  if (TOGETHER.has(info.type))
    return `descriptor ${fd} of process ${pid} is dropped; what it was connected to will find it closed`;
  return `descriptor ${fd} of process ${pid} is dropped`;
}

const MODES: Readonly<Record<string, number>> = { r: O_RDONLY, w: O_WRONLY, rw: O_RDWR };

/** `PID:FD=PATH[:r|w|rw]`: a file of the machine that it is restored on, opened at its begin. */
export function addDescriptor(set: EditedSet, text: string): string {
  const [where, what] = parts(text, 'PID:FD=PATH[:r|w|rw]');
  const [who = '', at = ''] = where.split(':');
  const [, path = '', mode = 'r'] = /^(.*?)(?::(r|w|rw))?$/s.exec(what)!;
  if (!path.startsWith('/')) throw badChange(`${JSON.stringify(path)}: the path of a file begins with /`);
  const pid = processOf(set, who);
  const fd = small(at, 'descriptor', 0x7fffffff);
  const table = tableOf(set, pid);
  const fdinfo = set.change('FDINFO', table);
  if (fdinfo.entries.some(({ message }) => message.fd === fd))
    throw badChange(`process ${pid} has a descriptor ${fd} already`);
  const files = set.change('FILES');
  const id = files.entries.reduce((most, { message }) => Math.max(most, message.id), 0) + 1;
  const fown = { uid: 0, euid: 0, signum: 0, pid_type: 0, pid: 0 };
  const flags = MODES[mode]! & O_ACCMODE;
  const root = rootMount(files.entries.map(({ message }) => message.reg?.mnt_id));
  files.entries.push({
    message: { type: FdTypes.REG, id, reg: { id, flags, pos: 0n, fown, name: path, ...root } },
  });
  const info: ImageEntry<'FDINFO'> = { message: { id, flags: 0, type: FdTypes.REG, fd } };
  fdinfo.entries = [...fdinfo.entries, info].sort((a, b) => a.message.fd - b.message.fd);
  return `process ${pid} has descriptor ${fd}, ${path}`;
}

/** A file that is added is on no mount in particular; sets whose files are on mounts by number have -1 for it. */
const rootMount = (ids: readonly (number | undefined)[]): { mnt_id?: number } =>
  ids.some((id) => id !== undefined) ? { mnt_id: -1 } : {};
