import { readFileSync, writeFileSync } from 'node:fs';
import type { Messages } from '../../image/generated/messages.js';

type Entry = Messages['ipc_var_entry'];

/** Limits of an IPC namespace (admin-guide/sysctl/kernel.rst, fs.rst): files of /proc/sys, by their fields of images. */
export const IPC_SYSCTLS = {
  sem_ctls: 'kernel/sem',
  msg_ctlmax: 'kernel/msgmax',
  msg_ctlmnb: 'kernel/msgmnb',
  msg_ctlmni: 'kernel/msgmni',
  auto_msgmni: 'kernel/auto_msgmni',
  shm_ctlmax: 'kernel/shmmax',
  shm_ctlall: 'kernel/shmall',
  shm_ctlmni: 'kernel/shmmni',
  shm_rmid_forced: 'kernel/shm_rmid_forced',
  mq_queues_max: 'fs/mqueue/queues_max',
  mq_msg_max: 'fs/mqueue/msg_max',
  mq_msgsize_max: 'fs/mqueue/msgsize_max',
  mq_msg_default: 'fs/mqueue/msg_default',
  mq_msgsize_default: 'fs/mqueue/msgsize_default',
  msg_next_id: 'kernel/msg_next_id',
  sem_next_id: 'kernel/sem_next_id',
  shm_next_id: 'kernel/shm_next_id',
} as const satisfies Record<keyof Entry, string>;

export type IpcSysctl = keyof typeof IPC_SYSCTLS;

const fileOf = (name: IpcSysctl) => `/proc/sys/${IPC_SYSCTLS[name]}`;

/** Of the IPC namespace that the reader is in; undefined on a kernel without it. */
export function readIpcSysctl(name: IpcSysctl): bigint[] | undefined {
  try {
    return readFileSync(fileOf(name), 'latin1').trim().split(/\s+/).map(BigInt);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Of the IPC namespace that the writer is in. @throws the error of node:fs */
export function writeIpcSysctl(name: IpcSysctl, values: readonly bigint[]): void {
  writeFileSync(fileOf(name), values.join(' '));
}

/** All of them, as the entry of an image. */
export function readIpcSysctls(): Entry {
  const number = (name: IpcSysctl) => Number(readIpcSysctl(name)?.[0] ?? 0n);
  const optional = (name: IpcSysctl): Partial<Entry> => {
    const value = readIpcSysctl(name)?.[0];
    // -1: the kernel chooses; it cannot be written
    return value === undefined || value < 0n ? {} : { [name]: Number(value) };
  };
  return {
    sem_ctls: (readIpcSysctl('sem_ctls') ?? []).map(Number),
    msg_ctlmax: number('msg_ctlmax'),
    msg_ctlmnb: number('msg_ctlmnb'),
    msg_ctlmni: number('msg_ctlmni'),
    auto_msgmni: number('auto_msgmni'),
    shm_ctlmax: readIpcSysctl('shm_ctlmax')?.[0] ?? 0n,
    shm_ctlall: readIpcSysctl('shm_ctlall')?.[0] ?? 0n,
    shm_ctlmni: number('shm_ctlmni'),
    shm_rmid_forced: number('shm_rmid_forced'),
    mq_queues_max: number('mq_queues_max'),
    mq_msg_max: number('mq_msg_max'),
    mq_msgsize_max: number('mq_msgsize_max'),
    ...optional('mq_msg_default'),
    ...optional('mq_msgsize_default'),
    ...optional('msg_next_id'),
    ...optional('sem_next_id'),
    ...optional('shm_next_id'),
  };
}
