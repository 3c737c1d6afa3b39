/** System V IPC: linux/ipc.h, linux/shm.h, linux/sem.h, linux/msg.h. */
export const IPC_CREAT = 0o1000;
export const IPC_EXCL = 0o2000;
export const IPC_NOWAIT = 0o4000;
export const IPC_RMID = 0;
export const IPC_SET = 1;
export const IPC_STAT = 2;

export const SHM_LOCK = 11;
/** Bits of shm_perm.mode: it is removed when nobody is attached any more; it is locked in memory. */
export const SHM_DEST = 0o1000;
export const SHM_LOCKED = 0o2000;

export const GETALL = 13;
export const SETALL = 17;

/** A message is copied, and stays; the type is its place in the queue. */
export const MSG_COPY = 0o40000;
/** Before the text of a message is its type. */
export const MSG_TYPE_BYTES = 8;

/** The bits of a mode that people set. */
export const IPC_PERMISSIONS = 0o777;

/** struct ipc64_perm (asm-generic/ipcbuf.h), with which all structures begin: offsets in bytes. */
const PERM = { uid: 4, gid: 8, mode: 20 } as const;
/** Bytes of struct shmid64_ds, semid64_ds and msqid64_ds, of which IPC_SET reads the owner, the mode and msg_qbytes. */
const DS_BYTES = 120;
const MSG_QBYTES = 88;

/** Room for the answer of IPC_STAT. */
export const ipcStatRoom = (): Uint8Array => new Uint8Array(DS_BYTES);

/** What IPC_STAT says of the room of a queue. */
export const queueBytesOf = (stat: Uint8Array): number =>
  Number(new DataView(stat.buffer, stat.byteOffset).getBigUint64(MSG_QBYTES, true));

/** What IPC_SET is given. @param queueBytes of a queue of messages */
export function ipcSettings(of: { uid: number; gid: number; mode: number }, queueBytes = 0): Uint8Array {
  const ds = new DataView(new ArrayBuffer(DS_BYTES));
  ds.setUint32(PERM.uid, of.uid, true);
  ds.setUint32(PERM.gid, of.gid, true);
  ds.setUint32(PERM.mode, of.mode & IPC_PERMISSIONS, true);
  ds.setBigUint64(MSG_QBYTES, BigInt(queueBytes), true);
  return new Uint8Array(ds.buffer);
}
