import * as PR from '../../src/kernel/uapi/prctl.js';
import { filled, room, u32, type Questions } from './ask.js';

/** linux/capability.h */
const CAPABILITY_VERSION_3 = 0x20080522;
const NR_CAPABILITIES = 64;
/** linux/keyctl.h: KEYCTL_GET_KEYRING_ID, and the keyrings that a thread has. */
const GET_KEYRING_ID = 0;
const DESCRIBE = 6;
const READ = 11;
const SET_REQKEY_KEYRING = 14;
const KEYRINGS = { thread: -1, process: -2, session: -3, user: -4, 'user session': -5 } as const;
/** linux/lsm.h */
const LSM_ATTRIBUTES = { current: 100, exec: 101, fscreate: 102, keycreate: 103, prev: 104, sockcreate: 105 } as const;
/** Entries of the global descriptor table that a thread may set. */
const TLS_ENTRIES = [12, 13, 14];
/** linux/io_uring.h: IORING_REGISTER_PROBE of a ring that has an index and no descriptor */
const PROBE_OF_INDEX = 0x80000008;

/** What every thread has of its own, by the calls that get it. */
export function askThread(q: Questions, where: string): void {
  const ask: Questions['ask'] = (what, ...call) => q.ask(`${where}/${what}`, ...call);
  ask('gettid', 'gettid');
  ask('sigaltstack', 'sigaltstack', null, room(24));
  ask('rt_sigpending', 'rt_sigpending', room(8), 8);
  ask('get_robust_list', 'get_robust_list', 0, room(8), room(8));
  ask('getresuid', 'getresuid', room(4), room(4), room(4));
  ask('getresgid', 'getresgid', room(4), room(4), room(4));
  ask('fsuid', 'setfsuid', -1);
  ask('fsgid', 'setfsgid', -1);
  ask('getgroups', 'getgroups', 512, room(2048));
  ask('capget', 'capget', filled(u32(CAPABILITY_VERSION_3, 0)), room(24));
  ask('sched_getattr', 'sched_getattr', 0, room(64), 64, 0);
  ask('sched_getaffinity', 'sched_getaffinity', 0, 128, room(128));
  ask('sched_rr_get_interval', 'sched_rr_get_interval', 0, room(16));
  ask('getpriority', 'getpriority', 0, 0);
  ask('ioprio_get', 'ioprio_get', 1, 0);
  ask('personality', 'personality', 0xffffffff);
  ask('get_mempolicy', 'get_mempolicy', room(4), room(128), 1024, 0, 0);
  ask('getcwd', 'getcwd', room(4096), 4096);
  for (const [name, value] of Object.entries(PR).filter(([n]) => /^ARCH_(GET|SHSTK_STATUS)/.test(n)))
    if (typeof value === 'number') ask(`arch_prctl ${name}`, 'arch_prctl', value, room(8));
  ask('arch_prctl ARCH_GET_XCOMP_GUEST_PERM', 'arch_prctl', 0x1024, room(8));
  ask('arch_prctl ARCH_GET_MAX_TAG_BITS', 'arch_prctl', 0x4003, room(8));
  for (const i of TLS_ENTRIES) ask(`get_thread_area ${i}`, 'get_thread_area', filled(u32(i, 0, 0, 0)));
  for (const [name, id] of Object.entries(KEYRINGS)) {
    ask(`keyring ${name}`, 'keyctl', GET_KEYRING_ID, id, 0);
    ask(`keyring ${name}: what it is`, 'keyctl', DESCRIBE, id, room(256), 256);
    ask(`keyring ${name}: bytes of its list`, 'keyctl', READ, id, 0, 0);
  }
  ask('where requested keys go', 'keyctl', SET_REQKEY_KEYRING, -1);
  for (const [name, id] of Object.entries(LSM_ATTRIBUTES))
    ask(`lsm_get_self_attr ${name}`, 'lsm_get_self_attr', id, room(512), filled(u32(512)), 0);
  for (let i = 0; i < 16; i++)
    q.askIfAny(`${where}/io_uring ${i}`, 'io_uring_register', i, PROBE_OF_INDEX, room(2064), 256);
  askPrctl(q, where);
}

function askPrctl(q: Questions, where: string): void {
  const written = (name: string, operation: number, sizeBytes: number) =>
    q.ask(`${where}/prctl ${name}`, 'prctl', operation, room(sizeBytes), 0, 0, 0);
  const returned = (name: string, operation: number, ...args: number[]) =>
    q.ask(`${where}/prctl ${name}`, 'prctl', operation, args[0] ?? 0, args[1] ?? 0, args[2] ?? 0, 0);
  written('PR_GET_PDEATHSIG', PR.PR_GET_PDEATHSIG, 4);
  written('PR_GET_NAME', PR.PR_GET_NAME, 16);
  written('PR_GET_TSC', PR.PR_GET_TSC, 4);
  written('PR_GET_TID_ADDRESS', PR.PR_GET_TID_ADDRESS, 8);
  written('PR_GET_CHILD_SUBREAPER', PR.PR_GET_CHILD_SUBREAPER, 4);
  written('PR_GET_UNALIGN', 5, 4);
  written('PR_GET_FPEMU', 9, 4);
  written('PR_GET_FPEXC', 11, 4);
  written('PR_GET_ENDIAN', 19, 4);
  written('PR_GET_SHADOW_STACK_STATUS', PR.PR_GET_SHADOW_STACK_STATUS, 8);
  q.ask(`${where}/prctl PR_GET_AUXV`, 'prctl', PR.PR_GET_AUXV, room(1024), 1024, 0, 0);
  returned('PR_GET_DUMPABLE', PR.PR_GET_DUMPABLE);
  returned('PR_GET_KEEPCAPS', PR.PR_GET_KEEPCAPS);
  returned('PR_GET_TIMING', PR.PR_GET_TIMING);
  returned('PR_GET_SECCOMP', PR.PR_GET_SECCOMP);
  returned('PR_GET_SECUREBITS', PR.PR_GET_SECUREBITS);
  returned('PR_GET_TIMERSLACK', PR.PR_GET_TIMERSLACK);
  returned('PR_MCE_KILL_GET', PR.PR_MCE_KILL_GET);
  returned('PR_GET_NO_NEW_PRIVS', PR.PR_GET_NO_NEW_PRIVS);
  returned('PR_GET_THP_DISABLE', PR.PR_GET_THP_DISABLE);
  returned('PR_GET_FP_MODE', 46);
  returned('PR_SVE_GET_VL', 51);
  returned('PR_GET_TAGGED_ADDR_CTRL', 56);
  returned('PR_GET_IO_FLUSHER', PR.PR_GET_IO_FLUSHER);
  returned('PR_GET_MDWE', PR.PR_GET_MDWE);
  returned('PR_GET_MEMORY_MERGE', PR.PR_GET_MEMORY_MERGE);
  returned('PR_TIMER_CREATE_RESTORE_IDS', PR.PR_TIMER_CREATE_RESTORE_IDS, PR.PR_TIMER_CREATE_RESTORE_IDS_GET);
  returned('PR_FUTEX_HASH', PR.PR_FUTEX_HASH, 2);
  for (let i = 0; i < 3; i++) returned(`PR_GET_SPECULATION_CTRL ${i}`, PR.PR_GET_SPECULATION_CTRL, i);
  for (let i = 0; i < NR_CAPABILITIES; i++) {
    q.askIfAny(`${where}/prctl PR_CAPBSET_READ ${i}`, 'prctl', PR.PR_CAPBSET_READ, i, 0, 0, 0);
    q.askIfAny(`${where}/prctl PR_CAP_AMBIENT ${i}`, 'prctl', PR.PR_CAP_AMBIENT, PR.PR_CAP_AMBIENT_IS_SET, i, 0, 0);
  }
  // the cookie of thread, process and process group, a random number: who has which is what counts
  for (let type = 0; type < 3; type++)
    q.ask(`${where}/prctl PR_SCHED_CORE ${type}`, 'prctl', PR.PR_SCHED_CORE, 0, 0, type, room(8));
}
