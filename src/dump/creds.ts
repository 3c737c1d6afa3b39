import type { Messages } from '../image/generated/messages.js';
import type { ProcStatus } from '../kernel/proc/status.js';

const halves = (set: bigint): number[] => [Number(set & 0xffff_ffffn), Number(set >> 32n)];

/** Credentials of a thread; all but the securebits stand in its status. */
export function credsOf(status: ProcStatus, securebits: number): Messages['creds_entry'] {
  const { uid, gid } = status;
  return {
    uid: uid.real,
    gid: gid.real,
    euid: uid.effective,
    egid: gid.effective,
    suid: uid.saved,
    sgid: gid.saved,
    fsuid: uid.fs,
    fsgid: gid.fs,
    cap_inh: halves(status.capInh),
    cap_prm: halves(status.capPrm),
    cap_eff: halves(status.capEff),
    cap_bnd: halves(status.capBnd),
    secbits: securebits,
    groups: status.groups,
    ...(status.noNewPrivs && { no_new_privs: 1 }),
    cap_amb: halves(status.capAmb),
  };
}
