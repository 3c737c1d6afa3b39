import { CoreEntryMarch } from '../../image/generated/messages.js';
import type { CredsEntry, FownEntry, Messages } from '../../image/generated/messages.js';
import { RLIM_INFINITY, rlimitName, rlimitNumber, RLIMITS } from '../../kernel/uapi/resource.js';
import { signalBit, signalNumber } from '../../kernel/uapi/signal.js';
import type { EditedSet } from '../edited-set.js';
import { badChange, number, parts, processOf, small, sum, threadOf } from './spec.js';

const limit = (text: string): bigint => (text === 'unlimited' ? RLIM_INFINITY : number(text, 'limit'));

/** `PID:NAME=SOFT[:HARD]` */
export function changeLimit(set: EditedSet, text: string): string {
  const form = 'PID:NAME=SOFT[:HARD]';
  const [where, value] = parts(text, form);
  const [who = '', name = ''] = where.split(':');
  const pid = processOf(set, who);
  const index = rlimitNumber(name.toUpperCase());
  if (index === undefined) {
    const names = Object.keys(RLIMITS).map((known) => known.slice(7));
    throw badChange(`${JSON.stringify(name)} is no limit: ${names.join(', ')}`);
  }
  const full = rlimitName(index);
  const found = set.change('CORE', pid).entries[0]?.message.tc?.rlimits?.rlimits?.[index];
  if (!found) throw badChange(`the set has no ${full} of process ${pid}`);
  const [soft = '', hard] = value.split(':');
  found.cur = limit(soft);
  if (hard !== undefined) found.max = limit(hard);
  if (found.cur > found.max) throw badChange(`${text}: the soft limit is above the hard one, ${found.max}`);
  return `${full} of process ${pid} is ${value}`;
}

/** `TID:REGISTER=VALUE`, by the names that CRIU or the processor has for them: `ip` or `rip`. */
export function changeRegister(set: EditedSet, text: string): string {
  const [where, value] = parts(text, 'TID:REGISTER=VALUE');
  const [who = '', name = ''] = where.split(':');
  const tid = threadOf(set, who);
  const { message } = set.change('CORE', tid).entries[0]!;
  const regs = message.thread_info?.gpregs as Record<string, bigint> | undefined;
  if (!regs)
    throw badChange(
      `the registers of ${Object.entries(CoreEntryMarch).find(([, march]) => march === message.mtype)?.[0] ?? 'this machine'} cannot be changed by name`,
    );
  const vector = changeVector(message.thread_info?.fpregs, tid, name, value);
  if (vector !== undefined) return vector;
  const key = [name, name.replace(/^r(?=[a-z])/, '')].find((known) => typeof regs[known] === 'bigint');
  if (key === undefined) {
    const names = Object.keys(regs).filter((known) => typeof regs[known] === 'bigint');
    throw badChange(`${JSON.stringify(name)} is no register: ${names.join(', ')}, mxcsr, xmm0 to xmm15, ymm0 to ymm15`);
  }
  regs[key] = number(value, 'value of a register');
  return `${name} of thread ${tid} is 0x${regs[key].toString(16)}`;
}

/** Components of the extended state (XSAVE): one whose bit is not set has its first value, whatever stands in its place. */
const XSTATE = { SSE: 2n, AVX: 4n } as const;
/** Bits of MXCSR that a processor has which does not tell them (FXSAVE). */
const MXCSR_MASK = 0xffbf;

/** A register of floating point and vectors, by name; undefined for others. */
function changeVector(
  fpregs: Messages['user_x86_fpregs_entry'] | undefined,
  tid: number,
  name: string,
  value: string,
): string | undefined {
  const [, kind, index = ''] = /^(?:mxcsr|([xy])mm([0-9]|1[0-5]))$/.exec(name) ?? [];
  if (!/^(mxcsr|[xy]mm\d+)$/.test(name) || (name !== 'mxcsr' && kind === undefined)) return undefined;
  if (!fpregs) throw badChange(`the images have no ${name} of thread ${tid}`);
  if (name === 'mxcsr') {
    const mxcsr = small(value, 'value of mxcsr', 0xffffffff);
    if (mxcsr & ~(fpregs.mxcsr_mask || MXCSR_MASK))
      throw badChange(`${value}: mxcsr has bits that the processor does not know`);
    fpregs.mxcsr = mxcsr;
  } else {
    const number_ = number(value, `value of ${name}`, (1n << (kind === 'y' ? 256n : 128n)) - 1n);
    const words = Array.from({ length: 8 }, (_, i) => Number((number_ >> BigInt(32 * i)) & 0xffffffffn));
    const at = 4 * Number(index);
    const high = fpregs.xsave?.ymmh_space;
    if (!fpregs.xmm_space || fpregs.xmm_space.length < at + 4 || (kind === 'y' && (!high || high.length < at + 4)))
      throw badChange(`the images have no ${name} of thread ${tid}`);
    fpregs.xmm_space.splice(at, 4, ...words.slice(0, 4));
    if (kind === 'y') high!.splice(at, 4, ...words.slice(4));
    if (fpregs.xsave) fpregs.xsave.xstate_bv |= kind === 'y' ? XSTATE.SSE | XSTATE.AVX : XSTATE.SSE;
  }
  return `${name} of thread ${tid} is ${value}`;
}

/** `INSIDE=OUTSIDE[:COUNT]`: where the ids of user namespaces are outside, for the range that begins with INSIDE. */
function changeMap(set: EditedSet, text: string, key: 'uid_map' | 'gid_map'): string {
  const [inside, rest] = parts(text, 'INSIDE=OUTSIDE[:COUNT]');
  const first = small(inside, 'id', 0xfffffffe);
  const [outside = '', size] = rest.split(':');
  const lower = small(outside, 'id', 0xfffffffe);
  const changed = sum(
    set.ids('USERNS').map((id) =>
      set.changeIf('USERNS', id, ({ entries }) => {
        const extents = entries.flatMap(({ message }) => message[key] ?? []);
        const found = extents.find((extent) => extent.first === first);
        if (!found) return 0;
        found.lower_first = lower;
        if (size !== undefined) found.count = small(size, 'number of ids', 0xffffffff);
        const clash = (start: 'first' | 'lower_first'): boolean =>
          found[start] + found.count > 0xffffffff ||
          extents.some(
            (one) => one !== found && one[start] < found[start] + found.count && found[start] < one[start] + one.count,
          );
        if (found.count === 0 || clash('first') || clash('lower_first'))
          throw badChange(`${text}: the range is empty, too large, or overlaps another one of the map`);
        return 1;
      }),
    ),
    `a ${key} with a range from ${first} on`,
  );
  return `${key} of ${changed} user ${changed === 1 ? 'namespace has' : 'namespaces have'} ${first} at ${lower}`;
}

export const changeUidMap = (set: EditedSet, text: string): string => changeMap(set, text, 'uid_map');

export const changeGidMap = (set: EditedSet, text: string): string => changeMap(set, text, 'gid_map');

/** `TID=SIGNAL,...`: the signals that a thread blocks; none after the `=` for none. */
export function changeSigmask(set: EditedSet, text: string): string {
  const [who, list] = parts(text, 'TID=SIGNAL,...');
  const tid = threadOf(set, who);
  let mask = 0n;
  for (const name of list.split(',').filter((one) => one !== '')) {
    const signal = signalNumber(name);
    if (signal === undefined) throw badChange(`${JSON.stringify(name)} is no signal`);
    mask |= signalBit(signal);
  }
  const { message } = set.change('CORE', tid).entries[0]!;
  if (message.tc) message.tc.blk_sigset = mask;
  if (message.thread_core) message.thread_core.blk_sigset = mask;
  return `thread ${tid} blocks ${list === '' ? 'no signal' : list}`;
}

const UIDS = ['uid', 'euid', 'suid', 'fsuid'] as const;
const GIDS = ['gid', 'egid', 'sgid', 'fsgid'] as const;

function replaceIds(
  creds: CredsEntry | undefined,
  keys: readonly (typeof UIDS | typeof GIDS)[number][],
  from: number,
  to: number,
): number {
  if (!creds) return 0;
  let n = 0;
  for (const key of keys) if (creds[key] === from) [creds[key], n] = [to, n + 1];
  return n;
}

/** Owners of files that are told by signals: they act with the rights of a user. */
function owners(set: EditedSet, from: number, to: number): number {
  return set.changeIf('FILES', undefined, ({ entries }) =>
    entries.reduce((n, { message }) => {
      for (const kind of Object.values(message) as unknown[]) {
        const fown = (kind as { fown?: FownEntry } | undefined)?.fown;
        if (fown?.uid === from) [fown.uid, n] = [to, n + 1];
        if (fown?.euid === from) [fown.euid, n] = [to, n + 1];
      }
      return n;
    }, 0),
  );
}

function changeIds(set: EditedSet, text: string, kind: 'user' | 'group'): string {
  const [from, to] = parts(text, 'OLD=NEW').map((id) => small(id, `${kind} id`)) as [number, number];
  const inCores = set.ids('CORE').map((tid) =>
    set.changeIf('CORE', tid, ({ entries }) =>
      entries.reduce((n, { message }) => {
        const creds = message.thread_core?.creds;
        let groups = 0;
        if (kind === 'group' && creds?.groups?.includes(from)) {
          groups = 1;
          creds.groups = creds.groups.map((id) => (id === from ? to : id)).sort((a, b) => a - b);
        }
        return n + groups + replaceIds(creds, kind === 'user' ? UIDS : GIDS, from, to);
      }, 0),
    ),
  );
  const changed = sum([...inCores, kind === 'user' ? owners(set, from, to) : 0], `the ${kind} ${from}`);
  return `${kind} ${from} is ${to}, in ${changed} places`;
}

/** `OLD=NEW`: a user, in the credentials of all threads. */
export const changeUser = (set: EditedSet, text: string): string => changeIds(set, text, 'user');

/** `OLD=NEW`: a group. */
export const changeGroup = (set: EditedSet, text: string): string => changeIds(set, text, 'group');
