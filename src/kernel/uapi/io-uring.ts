// io_uring_setup(2), io_uring_enter(2), io_uring_register(2): linux/io_uring.h.

export const IORING_SETUP_CQSIZE = 1 << 3;
export const IORING_SETUP_CLAMP = 1 << 4;
export const IORING_SETUP_ATTACH_WQ = 1 << 5;
export const IORING_SETUP_SQE128 = 1 << 10;
export const IORING_SETUP_CQE32 = 1 << 11;
export const IORING_SETUP_SINGLE_ISSUER = 1 << 12;

/** Names of the flags of io_uring_setup(2), from bit 0. */
export const IORING_SETUP_NAMES: readonly string[] =
  `IOPOLL SQPOLL SQ_AFF CQSIZE CLAMP ATTACH_WQ R_DISABLED SUBMIT_ALL COOP_TASKRUN TASKRUN_FLAG SQE128 CQE32 SINGLE_ISSUER
  DEFER_TASKRUN NO_MMAP REGISTERED_FD_ONLY NO_SQARRAY HYBRID_IOPOLL CQE_MIXED`.split(/\s+/);

/** Places of the rings and of the submission entries in the file (mmap(2)). */
export const IORING_OFF_SQ_RING = 0;
const IORING_OFF_CQ_RING = 0x8000000;
export const IORING_OFF_SQES = 0x10000000;

/** Whether a mapping can begin there: the rings are one thing, by two names. */
export const isRingPlace = (offset: bigint): boolean =>
  [IORING_OFF_SQ_RING, IORING_OFF_CQ_RING, IORING_OFF_SQES].includes(Number(offset));

// io_uring_register(2)
export const IORING_REGISTER_BUFFERS2 = 15;
export const IORING_REGISTER_FILES2 = 13;
export const IORING_REGISTER_FILES_UPDATE2 = 14;
export const IORING_REGISTER_BUFFERS_UPDATE = 16;
export const IORING_REGISTER_EVENTFD = 4;
export const IORING_REGISTER_EVENTFD_ASYNC = 7;
export const IORING_REGISTER_IOWQ_MAX_WORKERS = 19;
export const IORING_REGISTER_RING_FDS = 20;
export const IORING_REGISTER_FILE_ALLOC_RANGE = 25;
export const IORING_REGISTER_CLOCK = 29;
/** IO_RINGFD_REG_MAX: rings that a thread may have registered. */
export const REGISTERED_RINGS = 16;

export const IORING_ENTER_GETEVENTS = 1 << 0;
export const IORING_ENTER_EXT_ARG = 1 << 3;

/** struct io_uring_params: offsets in bytes. */
export const PARAMS_BYTES = 120;
export const PARAMS = { sqEntries: 0, cqEntries: 4, flags: 8, sqArray: 40 + 24, cqes: 80 + 20 } as const;

/** struct io_rings of the kernel, as it stands in the memory of the rings: offsets in bytes. */
export const RINGS = { sqHead: 0, sqTail: 4, cqHead: 8, cqTail: 12, cqes: 64 } as const;

/** struct io_uring_sqe */
export const SQE_BYTES = 64;
export const SQE = { opcode: 0, flags: 1, fd: 4, off: 8, addr: 16, len: 24, userData: 32 } as const;
export const IORING_OP_MSG_RING = 40;
export const IOSQE_CQE_SKIP_SUCCESS = 1 << 6;
/** struct io_uring_cqe */
export const CQE_BYTES = 16;

/** struct io_uring_rsrc_register, struct io_uring_rsrc_update2, struct io_uring_rsrc_update: offsets in bytes. */
export const RSRC_REGISTER_BYTES = 32;
export const RSRC_REGISTER = { nr: 0, flags: 4, data: 16, tags: 24 } as const;
export const RSRC_UPDATE2_BYTES = 32;
export const RSRC_UPDATE2 = { offset: 0, data: 8, tags: 16, nr: 24 } as const;
export const RSRC_UPDATE_BYTES = 16;
export const RSRC_UPDATE = { offset: 0, data: 8 } as const;
export const IORING_RSRC_REGISTER_SPARSE = 1;

/** Bytes of the memory of the rings. */
export function ringsBytes(
  arrayOffset: number | undefined,
  sqEntries: number,
  cqEntries: number,
  setup: number,
): number {
  const cqes = RINGS.cqes + cqEntries * (setup & IORING_SETUP_CQE32 ? 2 * CQE_BYTES : CQE_BYTES);
  return arrayOffset === undefined ? cqes : Math.max(cqes, arrayOffset + 4 * sqEntries);
}

/** Bytes of the memory of the submission entries. */
export const sqesBytes = (sqEntries: number, setup: number): number =>
  sqEntries * (setup & IORING_SETUP_SQE128 ? 2 * SQE_BYTES : SQE_BYTES);
