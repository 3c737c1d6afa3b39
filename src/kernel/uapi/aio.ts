/**
 * io_setup(2): the ring of completed events that the kernel maps for a context, and reads itself (fs/aio.c, struct
 * aio_ring). The address of the ring is the context's id.
 */
export const AIO_RING = { id: 0, nr: 4, head: 8, tail: 12, magic: 16 } as const;
export const AIO_RING_HEAD_BYTES = 32;
export const AIO_RING_MAGIC = 0xa10a10a1;
/** struct io_event (linux/aio_abi.h). */
export const IO_EVENT_BYTES = 32;

/** struct iocb (linux/aio_abi.h): offsets in bytes. */
export const IOCB_BYTES = 64;
export const IOCB = { opcode: 16, fd: 20 } as const;
export const IOCB_CMD_PREAD = 0;

/** The head of a ring. */
export interface AioRing {
  /** Its place in the process's table of contexts. */
  readonly id: number;
  /** Events that have room. */
  readonly nr: number;
  /** The next event to be taken, and the next one to be written. */
  readonly head: number;
  readonly tail: number;
}

/** @returns undefined where no whole ring of this size begins */
export function aioRingOf(bytes: Uint8Array, sizeBytes: number): AioRing | undefined {
  if (bytes.length < AIO_RING_HEAD_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, AIO_RING_HEAD_BYTES);
  const word = (at: number) => view.getUint32(at, true);
  const ring = { id: word(AIO_RING.id), nr: word(AIO_RING.nr), head: word(AIO_RING.head), tail: word(AIO_RING.tail) };
  const whole =
    word(AIO_RING.magic) === AIO_RING_MAGIC &&
    ring.nr === Math.floor((sizeBytes - AIO_RING_HEAD_BYTES) / IO_EVENT_BYTES);
  return whole && ring.head < ring.nr && ring.tail < ring.nr ? ring : undefined;
}
