import { fstatSync } from 'node:fs';
import { CGROUP_MODES } from '../../image/cgroup-mode.js';
import { CPU_CAPS } from '../../image/cpu-features.js';
import { CritError } from '../../image/errors.js';
import { EXTERNAL_TYPES } from '../../image/external.js';
import type { CheckOptions, DumpOptions, RestoreOptions } from './options.js';

/** What an option may be: words for people, and the test. */
interface Rule {
  readonly wanted: string;
  readonly fits: (value: unknown) => boolean;
}
type Rules<Options> = { readonly [K in keyof Required<Options>]: Rule };

const isFunction = (value: unknown): boolean => typeof value === 'function';
const has = (value: unknown, ...names: readonly string[]): boolean =>
  typeof value === 'object' &&
  value !== null &&
  names.every((name) => isFunction((value as Record<string, unknown>)[name]));
const isText = (value: unknown): boolean => typeof value === 'string' && value !== '' && !value.includes('\0');

const flag: Rule = { wanted: 'true or false', fits: (value) => typeof value === 'boolean' };
const text: Rule = { wanted: 'a name of a file', fits: isText };
const count: Rule = {
  wanted: 'a whole number',
  fits: (value) => Number.isSafeInteger(value) && (value as number) >= 0,
};
const oneOf = (...words: readonly string[]): Rule => ({
  wanted: words.join(' or '),
  fits: (value) => words.includes(value as string),
});

const record = (wanted: string, fits: (key: string, value: unknown) => boolean): Rule => ({
  wanted,
  fits: (value) =>
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.entries(value).every(([key, one]) => key !== '' && !key.includes('\0') && fits(key, one)),
});
const EXTERNAL = new RegExp(`^(${EXTERNAL_TYPES.join('|')})\\[[^\\]]+\\]$`);

/** A descriptor that can be given to another process. */
function isDescriptor(fd: unknown): boolean {
  if (!Number.isSafeInteger(fd) || (fd as number) < 0 || (fd as number) >= 2 ** 31) return false;
  try {
    fstatSync(fd as number);
    return true;
  } catch {
    return false;
  }
}

const RUN: Rules<Pick<CheckOptions, 'signal' | 'log'>> = {
  signal: { wanted: 'an AbortSignal', fits: (value) => value instanceof AbortSignal },
  log: {
    wanted: 'an object with error, warn, info and debug',
    fits: (value) => has(value, 'error', 'warn', 'info', 'debug'),
  },
};

const ENGINE = {
  ...RUN,
  tcpEstablished: flag,
  tcpClose: flag,
  allowUprobes: flag,
  imagesDir: text,
  shellJob: flag,
  extUnixSk: flag,
  leaveStopped: flag,
  cgroups: oneOf(...CGROUP_MODES),
  cgroupRoots: record('an object with a path for each controller', (_, path) => isText(path)),
  fileValidation: oneOf('filesize', 'buildid', 'none'),
  actionScripts: {
    wanted: 'a list of programs',
    fits: (value: unknown) => Array.isArray(value) && value.every(isText),
  },
  onProgress: { wanted: 'a function', fits: isFunction },
};

export const DUMP_RULES: Rules<DumpOptions> = {
  ...ENGINE,
  pid: { wanted: 'a process id', fits: (value) => count.fits(value) && value !== 0 && (value as number) < 2 ** 31 },
  leaveRunning: flag,
  ghostLimitBytes: count,
  linkRemap: flag,
  forceIrmap: flag,
  irmapScanPaths: {
    wanted: 'a list of directories',
    fits: (value) => Array.isArray(value) && value.every(isText),
  },
  evasiveDevices: flag,
  freezeCgroup: text,
  previousDir: text,
  externals: record(
    'an object with a name for each unix[INODE], file[MOUNT:INODE] or tty[RDEV:DEV]',
    (key, name) => EXTERNAL.test(key) && typeof name === 'string' && !name.includes('\0'),
  ),
  cpuinfo: flag,
  fileLocks: flag,
  skipInFlight: flag,
  networkLock: oneOf('nftables', 'iptables', 'skip'),
  timeoutSec: count,
  sync: flag,
};

export const RESTORE_RULES: Rules<RestoreOptions> = {
  ...ENGINE,
  pidfile: text,
  inheritFds: record('an object with an open descriptor for each name', (_, fd) => isDescriptor(fd)),
  cpuCaps: {
    wanted: `a list of ${CPU_CAPS.join(', ')}`,
    fits: (value) => Array.isArray(value) && value.every((cap) => CPU_CAPS.some((known) => known === cap)),
  },
  skipRwxCheck: flag,
  weakSysctls: flag,
  fileLocks: flag,
};

export const CHECK_RULES: Rules<CheckOptions> = { ...RUN, extra: flag, experimental: flag };

/** What a value is, for people. */
function described(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'function') return 'a function';
  return typeof value === 'object' && value !== null ? (Array.isArray(value) ? 'a list' : 'an object') : String(value);
}

/** @throws CritError BAD_ARGUMENT for an option that is missing, unknown, or of the wrong kind */
export function checkOptions<Options extends object>(
  name: string,
  options: unknown,
  rules: Rules<Options>,
  required: readonly (keyof Options & string)[],
): asserts options is Options {
  const refuse = (why: string): never => {
    throw new CritError(`${name}(): ${why}`, { code: 'BAD_ARGUMENT' });
  };
  if (typeof options !== 'object' || options === null)
    return refuse(`its options are an object, not ${described(options)}`);
  const given = new Map(Object.entries(options).filter(([, value]) => value !== undefined));
  for (const key of required) if (!given.has(key)) refuse(`${key} is missing`);
  for (const [key, value] of given) {
    if (!Object.hasOwn(rules, key)) refuse(`there is no option ${key}`);
    const { wanted, fits } = rules[key as keyof Options];
    if (!fits(value)) refuse(`${key} is ${wanted}, not ${described(value)}`);
  }
}
