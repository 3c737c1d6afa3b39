import { EXTERNAL_TYPES } from '../../image/external.js';
import { readdirSync, readlinkSync } from 'node:fs';
import { CPU_CAPS, type CpuCap } from '../../image/cpu-features.js';
import { CGROUP_MODES, type CgroupMode } from '../../image/cgroup-mode.js';
import { UsageError } from '../usage-error.js';

const bad = (text: string, as: string, why: string): UsageError =>
  new UsageError(`option ${as}: "${text}" is not ${why}`);

/** A pid: digits, not zero. */
export function parsePid(text: string, as: string): number {
  const pid = /^\d{1,10}$/.test(text) ? Number(text) : 0;
  if (pid === 0 || pid > 0x7fff_ffff) throw bad(text, as, 'a process id');
  return pid;
}

/** A number from 0 up. */
export function parseCount(text: string, as: string): number {
  if (!/^\d{1,9}$/.test(text)) throw bad(text, as, 'a number');
  return Number(text);
}

const UNIT: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** Bytes, or with the suffix K, M or G. @returns bytes */
export function parseSize(text: string, as: string): number {
  const match = /^(\d{1,12})(?:([KMG])(?:i?B)?)?$/.exec(text);
  const bytes = match ? Number(match[1]) * (UNIT[match[2] ?? ''] ?? 0) : NaN;
  if (!Number.isSafeInteger(bytes)) throw bad(text, as, 'a size: a number of bytes, or one with K, M or G');
  return bytes;
}

/** `-v` adds one to the level, `-vvv` three, `-v3` sets it. */
export function parseVerbosity(text: string | undefined, level: number, as: string): number {
  if (text === undefined) return level + 1;
  if (/^v+$/.test(text)) return level + text.length + 1;
  if (/^\d{1,3}$/.test(text)) return Number(text);
  throw bad(text, as, 'a level from 0 to 4');
}

const VALIDATIONS = ['filesize', 'buildid', 'none'] as const;

/** The argument of --file-validation. @throws UsageError */
export function parseValidation(text: string, as: string): (typeof VALIDATIONS)[number] {
  const found = VALIDATIONS.find((name) => name === text);
  if (!found) throw new UsageError(`option ${as}: "${text}" is no method: ${VALIDATIONS.join(', ')} are`);
  return found;
}

const NETWORK_LOCKS = ['nftables', 'iptables', 'skip'] as const;

/** The argument of --network-lock. @throws UsageError */
export function parseNetworkLock(text: string, as: string): (typeof NETWORK_LOCKS)[number] {
  const found = NETWORK_LOCKS.find((name) => name === text);
  if (!found) throw new UsageError(`option ${as}: "${text}" is not supported: ${NETWORK_LOCKS.join(', ')} are`);
  return found;
}

/** The argument of --manage-cgroups. @throws UsageError */
export function parseCgroupMode(text: string, as: string): CgroupMode {
  const found = text === '' ? 'soft' : CGROUP_MODES.find((mode) => mode === text);
  if (!found) throw new UsageError(`option ${as}: "${text}" is no mode: ${CGROUP_MODES.join(', ')} are`);
  return found;
}

const CRIU_EXTERNAL_TYPES = ['mnt', 'dev', 'file', 'tty', 'unix', 'net', 'pid', 'veth', 'macvlan'] as const;

/** The argument of --external: TYPE[ID], or TYPE[ID]:NAME. @throws UsageError */
export function parseExternal(text: string, as: string): readonly [key: string, name: string] {
  const match = /^([a-z]+)\[([^\]]*)\](?::(.*))?$/s.exec(text);
  const type = CRIU_EXTERNAL_TYPES.find((known) => known === match?.[1]);
  if (!match || !type)
    throw new UsageError(
      `option ${as}: "${text}" is not TYPE[ID]:NAME with a type of ${CRIU_EXTERNAL_TYPES.join(', ')}`,
    );
  if (!EXTERNAL_TYPES.some((known) => known === type))
    throw new UsageError(`option ${as}: ${type} is not supported yet`);
  return [`${type}[${match[2] ?? ''}]`, match[3] ?? ''];
}

/** The argument of --inherit-fd: fd[N]:KEY. @throws UsageError when it is not, or crit was not given the descriptor */
export function parseInheritFd(text: string, as: string): readonly [key: string, fd: number] {
  const match = /^fd\[(\d{1,9})\]:(.+)$/s.exec(text);
  if (!match) throw new UsageError(`option ${as}: "${text}" is not fd[N]:NAME`);
  const fd = Number(match[1]);
  if (!isGiven(fd)) throw new UsageError(`option ${as}: descriptor ${fd} is not open: crit was not started with it`);
  return [match[2]!, fd];
}

/** The argument of --close. @throws UsageError when crit was not given the descriptor */
export function parseOwnFd(text: string, as: string): number {
  const fd = parseCount(text, as);
  if (!isGiven(fd)) throw new UsageError(`option ${as}: descriptor ${fd} is not open: crit was not started with it`);
  return fd;
}

/** Whether a descriptor was there when Node began: it has its own event loop, and pipes of which it holds both ends. */
function isGiven(fd: number): boolean {
  const link = (n: number | string): string | undefined => {
    try {
      return readlinkSync(`/proc/self/fd/${n}`);
    } catch {
      return undefined;
    }
  };
  const target = link(fd);
  if (target === undefined || target.startsWith('anon_inode:')) return false;
  if (fd <= 2 || !target.startsWith('pipe:')) return true;
  return readdirSync('/proc/self/fd').filter((name) => link(name) === target).length === 1;
}

/** The argument of --ext-unix-sk: inodes of sockets. @returns what --external calls them @throws UsageError */
export function parseUnixInodes(text: string, as: string): string[] {
  const inodes = text.split(',').filter(Boolean);
  const bad = inodes.find((inode) => !/^[1-9]\d{0,9}$/.test(inode));
  if (bad !== undefined) throw new UsageError(`option ${as}: "${bad}" is no inode of a socket`);
  return inodes.map((inode) => `unix[${inode}]`);
}

const PRE_DUMP_MODES = ['splice', 'read'] as const;

/** The argument of --pre-dump-mode. @throws UsageError */
export function parsePreDumpMode(text: string, as: string): (typeof PRE_DUMP_MODES)[number] {
  const found = PRE_DUMP_MODES.find((name) => name === text);
  if (!found) throw new UsageError(`option ${as}: "${text}" is no mode: ${PRE_DUMP_MODES.join(', ')} are`);
  return found;
}

/**
 * The argument of --cpu-cap: words with commas between them, each with ^ before it taken back; none at all is "all".
 * @param known what is compared already @throws UsageError
 */
export function parseCpuCap(text: string | undefined, known: ReadonlySet<CpuCap>, as: string): Set<CpuCap> {
  if (text === undefined) return new Set(CPU_CAPS);
  let caps = new Set(known);
  for (const word of text.split(',')) {
    const [, carets = '', name = ''] = /^(\^*)(.*)$/s.exec(word)!;
    const back = carets.length % 2 === 1;
    const cap = CPU_CAPS.find((one) => one === name);
    if (name === 'none' || name === 'all') caps = new Set((name === 'all') === back ? [] : CPU_CAPS);
    else if (!cap) throw new UsageError(`option ${as}: "${name}" is not cpu, fpu, ins, all or none`);
    else if (back) caps.delete(cap);
    else caps.add(cap);
  }
  return caps;
}

export function parseName(text: string, as: string): string {
  if (text === '') throw new UsageError(`option ${as} needs an argument that is not empty`);
  return text;
}
