import type { CgroupMode } from '../../image/cgroup-mode.js';
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

/** The argument of --manage-cgroups: CRIU's modes but for those that make control groups and set their properties. */
export function parseCgroupMode(text: string, as: string): CgroupMode {
  if (text === '' || text === 'soft') return 'soft';
  if (text === 'ignore') return 'ignore';
  if (['none', 'props', 'full', 'strict'].includes(text)) throw new UsageError(`${as}=${text} is not supported yet`);
  throw new UsageError(`option ${as}: "${text}" is no mode: soft, ignore`);
}

export function parseName(text: string, as: string): string {
  if (text === '') throw new UsageError(`option ${as} needs an argument that is not empty`);
  return text;
}
