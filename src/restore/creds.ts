import { readFileSync } from 'node:fs';
import type { Messages } from '../image/generated/messages.js';
import {
  CAP_DATA,
  CAP_DATA_BYTES,
  CAP_HEADER_BYTES,
  CAPABILITIES,
  LINUX_CAPABILITY_VERSION_3,
} from '../kernel/uapi/capability.js';
import * as PR from '../kernel/uapi/prctl.js';
import type { ProcStatus } from '../kernel/proc/status.js';
import type { Batch } from '../task/batch.js';

type Creds = Messages['creds_entry'];

/** What a puppet has, as it came from crit. */
export interface CredsNow {
  status: ProcStatus;
  securebits: number;
}

/** Users and groups alone: those of a process that has nothing to do but to end. */
export function restoreIds(b: Batch, creds: Creds): void {
  const groups = creds.groups ?? [];
  using _doing = b.doing('setting user and group ids of a zombie');
  b.call('setgroups', groups.length, new Uint8Array(Uint32Array.from(groups).buffer));
  b.call('setresgid', creds.gid, creds.egid, creds.sgid);
  b.call('setfsgid', creds.fsgid);
  b.call('setresuid', creds.uid, creds.euid, creds.suid);
  b.call('setfsuid', creds.fsuid);
}

const setOf = (halves: readonly number[] = []): bigint => BigInt(halves[0] ?? 0) | (BigInt(halves[1] ?? 0) << 32n);

/**
 * Makes a thread what it was. Afterwards it may be allowed little: this comes last. What matters in the order
 * (capabilities(7), and kernel/cred.c):
 *
 * 1. With SECBIT_NO_SETUID_FIXUP changing ids leaves the capabilities alone; groups and group ids before user ids.
 * 2. Inheritable capabilities while the bounding set is whole, then ambient ones, which must be permitted and
 *    inheritable; a securebit may forbid raising them.
 * 3. Securebits, then the bounding set, while CAP_SETPCAP is still there.
 * 4. The final sets, which leave ambient ones alone that stay permitted and inheritable.
 *
 * The parent's death signal and the dumpable flag are cleared by such changes: set them after.
 */
export function restoreCreds(b: Batch, creds: Creds, now: CredsNow): void {
  const { status } = now;
  const inh = setOf(creds.cap_inh);
  const prm = setOf(creds.cap_prm);
  const eff = setOf(creds.cap_eff);
  const bnd = setOf(creds.cap_bnd);
  const amb = setOf(creds.cap_amb);
  const groups = creds.groups ?? [];
  if (!sameList(groups, status.groups)) {
    using _doing = b.doing('setting the supplementary groups');
    b.call('setgroups', groups.length, new Uint8Array(Uint32Array.from(groups).buffer));
  }
  let securebits = now.securebits;
  if (!sameIds(creds, status)) {
    using _doing = b.doing('setting user and group ids');
    securebits |= PR.SECBIT_NO_SETUID_FIXUP;
    b.call('prctl', PR.PR_SET_SECUREBITS, securebits, 0, 0, 0);
    b.call('setresgid', creds.gid, creds.egid, creds.sgid);
    b.call('setfsgid', creds.fsgid);
    b.call('setresuid', creds.uid, creds.euid, creds.suid);
    b.call('setfsuid', creds.fsuid);
  }
  if (inh !== status.capInh) {
    using _doing = b.doing('setting inheritable capabilities');
    capset(b, status.capEff, status.capPrm, inh);
  }
  if (amb !== status.capAmb) {
    using _doing = b.doing('setting ambient capabilities');
    b.call('prctl', PR.PR_CAP_AMBIENT, PR.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    for (const cap of capabilitiesOf(amb)) b.call('prctl', PR.PR_CAP_AMBIENT, PR.PR_CAP_AMBIENT_RAISE, cap, 0, 0);
  }
  if (creds.secbits !== securebits) {
    using _doing = b.doing('setting the securebits');
    b.call('prctl', PR.PR_SET_SECUREBITS, creds.secbits, 0, 0, 0);
  }
  using _doing = b.doing('dropping capabilities from the bounding set');
  for (const cap of capabilitiesOf(status.capBnd & ~bnd)) b.call('prctl', PR.PR_CAPBSET_DROP, cap, 0, 0, 0);
  if (inh !== status.capInh || prm !== status.capPrm || eff !== status.capEff) {
    using _doing = b.doing('setting capabilities');
    capset(b, eff, prm, inh);
  }
  if (creds.no_new_privs && !status.noNewPrivs) {
    using _doing = b.doing('setting no_new_privs');
    b.call('prctl', PR.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  }
}

function sameList(a: readonly number[], c: readonly number[]): boolean {
  return a.length === c.length && a.every((value, i) => value === c[i]);
}

function sameIds(creds: Creds, { uid, gid }: ProcStatus): boolean {
  return (
    creds.uid === uid.real &&
    creds.euid === uid.effective &&
    creds.suid === uid.saved &&
    creds.fsuid === uid.fs &&
    creds.gid === gid.real &&
    creds.egid === gid.effective &&
    creds.sgid === gid.saved &&
    creds.fsgid === gid.fs
  );
}

let last: number | undefined;

function capabilitiesOf(set: bigint): number[] {
  last ??= lastCapability();
  return Array.from({ length: last + 1 }, (_, i) => i).filter((cap) => (set >> BigInt(cap)) & 1n);
}

function lastCapability(): number {
  try {
    return Number(readFileSync('/proc/sys/kernel/cap_last_cap', 'utf8'));
  } catch {
    return Math.max(...Object.values(CAPABILITIES));
  }
}

function capset(b: Batch, eff: bigint, prm: bigint, inh: bigint): void {
  const header = new Uint8Array(CAP_HEADER_BYTES);
  new DataView(header.buffer).setUint32(0, LINUX_CAPABILITY_VERSION_3, true);
  const data = new DataView(new ArrayBuffer(2 * CAP_DATA_BYTES));
  for (const half of [0, 1]) {
    const part = (set: bigint) => Number((set >> BigInt(32 * half)) & 0xffff_ffffn);
    data.setUint32(half * CAP_DATA_BYTES + CAP_DATA.effective, part(eff), true);
    data.setUint32(half * CAP_DATA_BYTES + CAP_DATA.permitted, part(prm), true);
    data.setUint32(half * CAP_DATA_BYTES + CAP_DATA.inheritable, part(inh), true);
  }
  b.call('capset', header, new Uint8Array(data.buffer));
}
