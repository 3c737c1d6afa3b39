/** System V IPC: linux/ipc.h, linux/shm.h. */
export const IPC_CREAT = 0o1000;
export const IPC_EXCL = 0o2000;
export const IPC_RMID = 0;
export const IPC_SET = 1;

export const SHM_LOCK = 11;
/** Bits of shm_perm.mode: it is removed when nobody is attached any more; it is locked in memory. */
export const SHM_DEST = 0o1000;
export const SHM_LOCKED = 0o2000;
export const SHM_PERMISSIONS = 0o777;

/** struct shmid64_ds (asm-generic/shmbuf.h), of which IPC_SET reads three fields: offsets in bytes. */
export const SHMID_DS_BYTES = 112;
export const SHMID_DS = { uid: 4, gid: 8, mode: 20 } as const;
