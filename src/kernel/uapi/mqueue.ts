/** POSIX message queues: mq_overview(7). What statfs(2) says of their file system (linux/magic.h). */
export const MQUEUE_MAGIC = 0x19800202;
/** Bytes that a queue's file is said to have (ipc/mqueue.c, FILENT_SIZE). */
export const MQUEUE_FILE_BYTES = 80;

/** struct mq_attr (linux/mqueue.h): offsets in bytes. */
export const MQ_ATTR_BYTES = 64;
export const MQ_ATTR = { maxmsg: 8, msgsize: 16, curmsgs: 24 } as const;
