import type { CredsEntry } from '../../image/generated/messages.js';
import { capabilityNames, CAPABILITIES } from '../../kernel/uapi/capability.js';

/** Real, effective, saved, and of the file system. */
export interface IdInfo {
  readonly real: number;
  readonly effective: number;
  readonly saved: number;
  readonly fs: number;
}

/** Who a thread is, and what it may (credentials(7), capabilities(7)). */
export interface CredentialsInfo {
  readonly uid: IdInfo;
  readonly gid: IdInfo;
  readonly groups: readonly number[];
  /** By name; a bit without a name as "cap 41". */
  readonly effective: readonly string[];
  readonly permitted: readonly string[];
  readonly inheritable: readonly string[];
  readonly bounding: readonly string[];
  readonly ambient: readonly string[];
  readonly securebits: readonly string[];
  readonly noNewPrivs: boolean;
  /** The SELinux context or AppArmor profile. */
  readonly lsmProfile: string | undefined;
}

/** linux/securebits.h, by bit. */
const SECUREBITS = [
  'noroot',
  'noroot-locked',
  'no-setuid-fixup',
  'no-setuid-fixup-locked',
  'keep-caps',
  'keep-caps-locked',
  'no-cap-ambient-raise',
  'no-cap-ambient-raise-locked',
];

/** All that have a name. */
export const ALL_CAPABILITIES: readonly string[] = Object.keys(CAPABILITIES);

function capabilities(words: readonly number[] | undefined): string[] {
  const set = BigInt((words?.[0] ?? 0) >>> 0) | (BigInt((words?.[1] ?? 0) >>> 0) << 32n);
  const names: string[] = capabilityNames(set);
  for (let bit = ALL_CAPABILITIES.length; bit < 64; bit++) if (set & (1n << BigInt(bit))) names.push(`cap ${bit}`);
  return names;
}

/** The credentials of a thread. */
export function credentialsOf(creds: CredsEntry): CredentialsInfo {
  return {
    uid: { real: creds.uid, effective: creds.euid, saved: creds.suid, fs: creds.fsuid },
    gid: { real: creds.gid, effective: creds.egid, saved: creds.sgid, fs: creds.fsgid },
    groups: creds.groups ?? [],
    effective: capabilities(creds.cap_eff),
    permitted: capabilities(creds.cap_prm),
    inheritable: capabilities(creds.cap_inh),
    bounding: capabilities(creds.cap_bnd),
    ambient: capabilities(creds.cap_amb),
    securebits: SECUREBITS.filter((_, bit) => creds.secbits & (1 << bit)),
    noNewPrivs: (creds.no_new_privs ?? 0) !== 0,
    lsmProfile: creds.lsm_profile === '' ? undefined : creds.lsm_profile,
  };
}
