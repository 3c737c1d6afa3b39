import type { EditedSet } from '../edited-set.js';
import { badChange, parts, processOf, sum } from './spec.js';

/** TASK_COMM_LEN of the kernel, without the NUL. */
const COMM_BYTES = 15;

/** `PID=NAME`: the name of a process stands in two places. */
export function changeComm(set: EditedSet, text: string): string {
  const [who, name] = parts(text, 'PID=NAME');
  const pid = processOf(set, who);
  if (Buffer.byteLength(name) > COMM_BYTES || name.includes('\0'))
    throw badChange(`${JSON.stringify(name)} is no name of a process: at most ${COMM_BYTES} bytes`);
  const { message } = set.change('CORE', pid).entries[0]!;
  if (message.tc) message.tc.comm = name;
  if (message.thread_core?.comm !== undefined) message.thread_core.comm = name;
  return `process ${pid} is called ${name}`;
}

/** `NAME`: of every UTS namespace in the set. */
export function changeHostname(set: EditedSet, name: string): string {
  if (name.length > 64) throw badChange(`${JSON.stringify(name)} is no host name: at most 64 bytes`);
  const changed = sum(
    set.ids('UTSNS').map((id) =>
      set.changeIf('UTSNS', id, ({ entries }) => {
        for (const { message } of entries) message.nodename = name;
        return entries.length;
      }),
    ),
    'a UTS namespace of its own',
  );
  return `${changed} UTS ${changed === 1 ? 'namespace is' : 'namespaces are'} called ${name}`;
}

/** The path with another beginning, or undefined if it does not begin so: whole parts count. */
export function moved(path: string, from: string, to: string): string | undefined {
  if (path === from) return to === '' ? '/' : to;
  return path.startsWith(`${from}/`) ? `${to}${path.slice(from.length)}` : undefined;
}

/** `OLD=NEW`: paths of open and mapped files, directories, FIFOs and sockets. */
export function changePaths(set: EditedSet, text: string): string {
  const [left, right] = parts(text, 'OLD=NEW').map((path) => path.replace(/\/+$/, '')) as [string, string];
  if (!left.startsWith('/') || (right !== '' && !right.startsWith('/')))
    throw badChange(`${JSON.stringify(text)}: both paths begin with /`);
  const move = <K extends string>(holder: Partial<Record<K, string>> | undefined, key: K): number => {
    const path = holder?.[key];
    const there = path === undefined ? undefined : moved(path, left, right);
    if (there === undefined) return 0;
    holder![key] = there;
    return 1;
  };
  const socket = (sk: { name: Uint8Array; name_dir?: string } | undefined): number => {
    if (!sk) return 0;
    const bytes = Buffer.from(sk.name);
    const end = bytes.at(-1) === 0 ? -1 : undefined;
    const there =
      bytes[0] === 0
        ? undefined
        : moved(
            bytes.subarray(0, end).toString('latin1'),
            Buffer.from(left).toString('latin1'),
            Buffer.from(right).toString('latin1'),
          );
    if (there !== undefined) sk.name = Buffer.from(there + (end === undefined ? '' : '\0'), 'latin1');
    return (there === undefined ? 0 : 1) + move(sk, 'name_dir');
  };
  const changed = sum(
    [
      set.changeIf('FILES', undefined, ({ entries }) =>
        entries.reduce(
          (n, { message }) =>
            n +
            move(message.reg, 'name') +
            socket(message.usk) +
            [...(message.ify?.wd ?? []), ...(message.ffy?.mark ?? []).flatMap(({ ie }) => ie ?? [])].reduce(
              (some, { f_handle }) => some + move(f_handle, 'path'),
              0,
            ),
          0,
        ),
      ),
      set.changeIf('REG_FILES', undefined, ({ entries }) =>
        entries.reduce((n, { message }) => n + move(message, 'name'), 0),
      ),
      set.changeIf('UNIXSK', undefined, ({ entries }) => entries.reduce((n, { message }) => n + socket(message), 0)),
      ...set
        .ids('MNTS')
        .map((id) =>
          set.changeIf('MNTS', id, ({ entries }) =>
            entries.reduce((n, { message }) => n + move(message, 'root') + move(message, 'mountpoint'), 0),
          ),
        ),
    ],
    `a path in ${left}`,
  );
  return `${changed} ${changed === 1 ? 'path' : 'paths'} in ${left} ${changed === 1 ? 'is' : 'are'} in ${right || '/'}`;
}

/** `OLD=NEW`: paths of cgroups, in every hierarchy. */
export function changeCgroup(set: EditedSet, text: string): string {
  const [from, to] = parts(text, 'OLD=NEW').map((path) => path.replace(/\/+$/, '')) as [string, string];
  const changed = sum(
    [
      set.changeIf('CGROUP', undefined, ({ entries }) => {
        let n = 0;
        for (const { message } of entries) {
          for (const member of message.sets?.flatMap(({ ctls }) => ctls ?? []) ?? []) {
            const there = moved(member.path, from, to);
            if (there === undefined) continue;
            member.path = there;
            n++;
          }
          for (const dir of message.controllers?.flatMap(({ dirs }) => dirs ?? []) ?? []) {
            // directories of the hierarchy's top are written without the / before them
            const there = moved(`/${dir.dir_name.replace(/^\//, '')}`, from, to);
            if (there === undefined) continue;
            dir.dir_name = dir.dir_name.startsWith('/') ? there : there.slice(1);
            n++;
          }
        }
        return n;
      }),
    ],
    `a cgroup in ${from}`,
  );
  return `${changed} paths of cgroups in ${from} are in ${to || '/'}`;
}
