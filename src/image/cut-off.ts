/** What Linux brings to the disk at a time: a file that a power cut has cut off ends at a multiple of it. */
const BLOCK_BYTES = 4096;

/** How an image lacks what it had when it was made; undefined when it is whole, or was edited. */
export function cutOff(sizeBytes: number, madeBytes: bigint | undefined): string | undefined {
  if (madeBytes === undefined || BigInt(sizeBytes) >= madeBytes || sizeBytes % BLOCK_BYTES !== 0) return undefined;
  return sizeBytes === 0 ? 'is empty' : `is cut off after ${sizeBytes} of ${madeBytes} bytes`;
}
