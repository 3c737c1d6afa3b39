import { PAGE_SIZE } from '../../image/vma-status.js';
import type { AddressSpace } from '../address-space/address-space.js';
import type { MemoryPiece } from '../address-space/memory-run.js';

/** Pages that follow each other and differ in the same way. */
export interface PageRange {
  readonly start: bigint;
  readonly pages: number;
  /** `before`, `after`: the bytes are at hand in that one alone. */
  readonly kind: 'changed' | 'before' | 'after';
}

/** How the memory of two processes differs. */
export interface MemoryChange {
  readonly pagesCompared: number;
  readonly pagesChanged: number;
  readonly bytesChanged: number;
  readonly pagesOnlyBefore: number;
  readonly pagesOnlyAfter: number;
  /** The first ones, by address. */
  readonly ranges: readonly PageRange[];
}

/** Is told of a page that differs. */
export type OnPage = (address: bigint, before: Uint8Array, after: Uint8Array) => void;

const PIECE_BYTES = 1 << 20;
/** A process of which every second page is another one has millions. */
const MAX_RANGES = 1000;
const ZEROS = Buffer.alloc(PIECE_BYTES);

class Tally {
  pagesCompared = 0;
  pagesChanged = 0;
  bytesChanged = 0;
  pagesOnlyBefore = 0;
  pagesOnlyAfter = 0;
  readonly ranges: PageRange[] = [];
  #end = -1n;

  add(start: bigint, pages: number, kind: PageRange['kind']): void {
    if (kind === 'before') this.pagesOnlyBefore += pages;
    else if (kind === 'after') this.pagesOnlyAfter += pages;
    else this.pagesChanged += pages;
    const last = this.ranges.at(-1);
    if (last?.kind === kind && this.#end === start)
      this.ranges[this.ranges.length - 1] = { ...last, pages: last.pages + pages };
    else if (this.ranges.length < MAX_RANGES) this.ranges.push({ start, pages, kind });
    else return;
    this.#end = start + BigInt(pages * PAGE_SIZE);
  }
}

/** The bytes of a part of a piece; zeros in steps of what one buffer has. */
function part(piece: MemoryPiece, at: bigint, length: number): Uint8Array {
  if (piece.kind !== 'bytes') return ZEROS.subarray(0, length);
  const offset = Number(at - piece.start);
  return piece.bytes.subarray(offset, offset + length);
}

function comparePages(
  tally: Tally,
  address: bigint,
  before: Uint8Array,
  after: Uint8Array,
  onPage: OnPage | undefined,
): void {
  for (let at = 0; at < before.length; at += PAGE_SIZE) {
    const [left, right] = [before.subarray(at, at + PAGE_SIZE), after.subarray(at, at + PAGE_SIZE)];
    if (Buffer.compare(left, right) === 0) continue;
    for (let i = 0; i < left.length; i++) if (left[i] !== right[i]) tally.bytesChanged++;
    const where = address + BigInt(at);
    tally.add(where, 1, 'changed');
    onPage?.(where, left, right);
  }
}

/**
 * Compares what is mapped in two processes page by page, in pieces: memory stays flat, whatever they have. Pages that neither
 * set has the bytes of (clean pages of files) are compared by their mappings alone.
 * @param onPage is told of each page whose bytes differ; the bytes are good until it returns
 */
export function compareMemory(before: AddressSpace, after: AddressSpace, onPage?: OnPage): MemoryChange {
  const tally = new Tally();
  const start = min(before.mappings[0]?.start, after.mappings[0]?.start);
  const end = max(before.mappings.at(-1)?.end, after.mappings.at(-1)?.end);
  if (start === undefined || end === undefined) return tally;
  const [left, right] = [before, after].map((space) => space.pieces(start, end, { sizeBytes: PIECE_BYTES })) as [
    Generator<MemoryPiece, void>,
    Generator<MemoryPiece, void>,
  ];
  let [one, other] = [next(left), next(right)];
  for (let at = start; one && other && at < end;) {
    let to = one.end < other.end ? one.end : other.end;
    const [hasOne, hasOther] = [one.kind !== 'none', other.kind !== 'none'];
    if (hasOne && hasOther) {
      if (to - at > BigInt(PIECE_BYTES))
        to = one.kind === 'zero' && other.kind === 'zero' ? to : at + BigInt(PIECE_BYTES);
      tally.pagesCompared += Number(to - at) / PAGE_SIZE;
      if (one.kind !== 'zero' || other.kind !== 'zero') {
        const length = Number(to - at);
        const [a, b] = [part(one, at, length), part(other, at, length)];
        if (Buffer.compare(a, b) !== 0) comparePages(tally, at, a, b, onPage);
      }
    } else if (hasOne !== hasOther) {
      // zeros that nobody wrote are as good as no bytes
      const piece = hasOne ? one : other;
      if (piece.kind === 'bytes') tally.add(at, Number(to - at) / PAGE_SIZE, hasOne ? 'before' : 'after');
    }
    at = to;
    if (one.end <= at) one = next(left);
    if (other.end <= at) other = next(right);
  }
  return tally;
}

function next(pieces: Generator<MemoryPiece, void>): MemoryPiece | undefined {
  const result = pieces.next();
  return result.done ? undefined : result.value;
}
const min = (a: bigint | undefined, b: bigint | undefined) =>
  a === undefined ? b : b === undefined ? a : a < b ? a : b;
const max = (a: bigint | undefined, b: bigint | undefined) =>
  a === undefined ? b : b === undefined ? a : a > b ? a : b;
