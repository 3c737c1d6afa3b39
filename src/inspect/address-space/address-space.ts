import path from 'node:path';
import { CritError } from '../../image/errors.js';
import type { MmEntry, VmaEntry } from '../../image/generated/messages.js';
import { PAGE_SIZE } from '../../image/vma-status.js';
import type { Checkpoint } from '../checkpoint.js';
import { FileNames } from '../file-names.js';
import { describeVma } from '../memory.js';
import { tasksOf } from '../tasks.js';
import { OpenFiles, type BackingFile } from './backing-file.js';
import { hasOwnPages, mappingBase, mappingName, Memfds, type BaseContext, type MappingBase } from './mapping-base.js';
import type { Mapping, MemoryPiece, MemoryRun, MemorySource } from './memory-run.js';
import { loadPages, ParentChain, type PageTable, type TableRun } from './page-table.js';
import { streamPieces, type BackedRun } from './stream-pieces.js';

export interface AddressSpaceOptions {
  /**
   * Where files that the task had mapped are looked up: '/' (the default) means this machine's own, a directory the root
   * of a container, `null` nowhere. A file that is not the same any more is not read.
   */
  readonly root?: string | null;
}

/** A run with page-aligned ends: numbers hold these exactly. */
interface AlignedRun {
  readonly start: number;
  readonly end: number;
  readonly source: MemorySource;
  /** Of an image or a file. */
  readonly file?: BackingFile;
}

/**
 * The address space of a dumped task, as something that can be read: from pages images of the set and of its parents, from
 * shared memory and memfds, from files that are mapped. Dispose it: it holds files open.
 * @example
 * import { openAddressSpace, openCheckpoint } from 'crit-checkpoint';
 * using space = openAddressSpace(openCheckpoint('fixtures/sets/tree'), 812);
 * const stack = space.mappings.find(({ name }) => name === '[stack]');
 * for (const run of space.runs(stack?.start, stack?.end)) console.log(run.start, run.end, run.source.kind);
 */
export class AddressSpace implements Disposable {
  readonly pid: number;
  readonly mm: MmEntry;
  /** By address. */
  readonly mappings: readonly Mapping[];
  /** What is wrong with the images; grows while they are read. */
  readonly warnings: string[] = [];
  readonly #entries = new Map<Mapping, VmaEntry>();
  readonly #bases = new Map<Mapping, MappingBase>();
  readonly #files = new OpenFiles();
  readonly #chain: ParentChain;
  readonly #context: BaseContext;
  readonly #shared = new Map<bigint, PageTable | undefined>();
  #own: PageTable | undefined;
  #isLoaded = false;

  constructor(checkpoint: Checkpoint, pid: number, mm: MmEntry, vmas: readonly VmaEntry[], root: string | null) {
    this.pid = pid;
    this.mm = mm;
    this.#chain = new ParentChain(checkpoint);
    this.#context = {
      names: new FileNames(checkpoint.images),
      memfds: new Memfds(checkpoint.images),
      files: this.#files,
      root: root ?? undefined,
      sharedPages: (shmid) => this.#sharedPages(shmid),
    };
    this.mappings = this.#sound(vmas, mm);
  }

  /** Mappings in order; what cannot be one is left out. */
  #sound(vmas: readonly VmaEntry[], mm: MmEntry): Mapping[] {
    const out: Mapping[] = [];
    for (const vma of vmas) {
      const at = `mm-${this.pid}.img: the mapping at 0x${vma.start.toString(16)}`;
      if ((vma.start | vma.end | vma.pgoff) & BigInt(PAGE_SIZE - 1)) this.#warn(`${at} is not page aligned`);
      else if (vma.start >= vma.end) this.#warn(`${at} ends before it begins`);
      else if (vma.start < (out.at(-1)?.end ?? 0n)) this.#warn(`${at} overlaps the one before, or is out of order`);
      else {
        const described = describeVma(vma, this.#context.names);
        const mapping = { ...described, name: mappingName(described, vma, mm, this.#context) };
        this.#entries.set(mapping, vma);
        out.push(mapping);
      }
    }
    return out;
  }

  readonly #warn = (text: string): void => {
    if (!this.warnings.includes(text)) this.warnings.push(text);
  };

  #sharedPages(shmid: bigint): PageTable | undefined {
    if (!this.#shared.has(shmid))
      this.#shared.set(shmid, loadPages(this.#chain, 'SHMEM_PAGEMAP', shmid, this.#files, this.#warn));
    return this.#shared.get(shmid);
  }

  #ownPages(): PageTable | undefined {
    if (!this.#isLoaded) this.#own = loadPages(this.#chain, 'PAGEMAP', this.pid, this.#files, this.#warn);
    this.#isLoaded = true;
    return this.#own;
  }

  #base(mapping: Mapping): MappingBase {
    let base = this.#bases.get(mapping);
    if (!base) {
      base = mappingBase(this.#entries.get(mapping)!, this.#context);
      if (base.kind === 'zero' && !this.#ownPages())
        base = { kind: 'none', why: 'lost', reason: `pagemap-${this.pid}.img is not there, or cannot be read` };
      this.#bases.set(mapping, base);
    }
    return base;
  }

  /** The mapping that an address lies in. */
  mappingAt(address: bigint): Mapping | undefined {
    const mapping = this.mappings[this.#firstEndingBehind(address)];
    return mapping && mapping.start <= address ? mapping : undefined;
  }

  #firstEndingBehind(address: bigint): number {
    let low = 0;
    let high = this.mappings.length;
    while (low < high) {
      const mid = (low + high) >>> 1;
      if (this.mappings[mid]!.end <= address) low = mid + 1;
      else high = mid;
    }
    return low;
  }

  /**
   * Where the bytes of [start, end) are, without reading them: every address is in one run. By default from the first
   * mapping's start to the last one's end.
   */
  *runs(start?: bigint, end?: bigint): Generator<MemoryRun> {
    for (const { start: from, end: to, mapping, source } of this.#backedRuns(start, end))
      yield { start: from, end: to, mapping, source };
  }

  *#backedRuns(
    start: bigint = this.mappings[0]?.start ?? 0n,
    end: bigint = this.mappings.at(-1)?.end ?? 0n,
  ): Generator<BackedRun> {
    const unmapped = { kind: 'none', why: 'unmapped', reason: 'nothing is mapped there' } as const;
    let at = start;
    for (let i = this.#firstEndingBehind(start); at < end; i++) {
      const mapping = this.mappings[i];
      const from = mapping && mapping.start < end ? mapping.start : end;
      if (at < from) yield { start: at, end: from, mapping: undefined, source: unmapped };
      if (!mapping || from === end) return;
      at = at > from ? at : from;
      const to = mapping.end < end ? mapping.end : end;
      yield* this.#runsOf(mapping, at, to);
      at = to;
    }
  }

  /** The runs of a part of a mapping. */
  *#runsOf(mapping: Mapping, start: bigint, end: bigint): Generator<BackedRun> {
    const mask = BigInt(PAGE_SIZE - 1);
    const from = Number(start & ~mask);
    const to = Number((end + mask) & ~mask);
    for (const run of this.#alignedRuns(mapping, from, to)) {
      const [runStart, runEnd] = [BigInt(run.start), BigInt(run.end)];
      const { source } = run;
      const cut = runStart < start ? Number(start - runStart) : 0;
      yield {
        ...run,
        start: cut > 0 ? start : runStart,
        end: runEnd > end ? end : runEnd,
        mapping,
        source: cut > 0 && 'offset' in source ? { ...source, offset: source.offset + cut } : source,
      };
    }
  }

  *#alignedRuns(mapping: Mapping, start: number, end: number): Generator<AlignedRun> {
    const own = hasOwnPages(this.#entries.get(mapping)!) ? this.#ownPages() : undefined;
    let at = start;
    for (const run of own?.runs(start, end) ?? []) {
      if (run.start > at) yield* this.#baseRuns(mapping, at, run.start);
      yield* stored(run, 0);
      at = run.end;
    }
    if (at < end) yield* this.#baseRuns(mapping, at, end);
  }

  *#baseRuns(mapping: Mapping, start: number, end: number): Generator<AlignedRun> {
    const base = this.#base(mapping);
    if (base.kind === 'zero' || base.kind === 'none') {
      yield { start, end, source: base };
      return;
    }
    // what is added to an address to get its place in the file or shared memory; both are multiples of the page size
    const shift = Number(mapping.pgoff) - Number(mapping.start);
    if (base.kind === 'pages') {
      let at = start;
      for (const run of base.table.runs(start + shift, end + shift)) {
        if (run.start - shift > at) yield { start: at, end: run.start - shift, source: ZERO };
        yield* stored(run, shift);
        at = run.end - shift;
      }
      if (at < end) yield { start: at, end, source: ZERO };
      return;
    }
    const { file } = base;
    const fileEnd = Math.ceil(file.sizeBytes / PAGE_SIZE) * PAGE_SIZE - shift;
    const source = { kind: 'file', file: file.name, offset: start + shift } as const;
    if (start < fileEnd) yield { start, end: Math.min(end, fileEnd), source, file };
    const reason = `it is behind the end of ${file.name}`;
    if (end > fileEnd)
      yield { start: Math.max(start, fileEnd), end, source: { kind: 'none', why: 'beyond-end', reason } };
  }

  /**
   * The bytes of [start, end) in pieces, in the order of addresses; by default all that is mapped. Bytes of runs that follow
   * each other come together. Each file is read from front to back, which is what a packed archive can do.
   * @param options.sizeBytes how long a piece is at most, 1 MiB if not told
   * @param options.overlap so many bytes of a piece come again before the next one's, if that follows it; none if not told
   */
  pieces(start?: bigint, end?: bigint, { sizeBytes = 1 << 20, overlap = 0 } = {}): Generator<MemoryPiece> {
    return streamPieces(this.#backedRuns(start, end), sizeBytes, overlap);
  }

  /** The file of this machine that is mapped, if it is still the same. */
  fileOf(mapping: Mapping): BackingFile | undefined {
    const base = mapping.kind === 'file' ? this.#base(mapping) : undefined;
    return base?.kind === 'file' ? base.file : undefined;
  }

  /** Another file of this machine, below the same root; undefined when files are not looked up. */
  localFile(name: string): BackingFile | undefined {
    const { root } = this.#context;
    return root === undefined ? undefined : this.#files.local(path.join(root, name));
  }

  /** The path of the program that the task runs. */
  get programPath(): string {
    return this.#context.names.path(this.mm.exe_file_id);
  }

  /**
   * Reads so many bytes.
   * @returns fewer where they are not at hand: `stopped` says where and why
   */
  read(address: bigint, length: number): { bytes: Buffer; stopped?: { at: bigint; reason: string } } {
    const parts: Buffer[] = [];
    // a short read is not to cost a long buffer
    const sizeBytes = Math.min(1 << 20, Math.ceil((length + 1) / PAGE_SIZE) * PAGE_SIZE);
    for (const piece of this.pieces(address, address + BigInt(length), { sizeBytes })) {
      if (piece.kind === 'none')
        return { bytes: Buffer.concat(parts), stopped: { at: piece.start, reason: piece.reason } };
      parts.push(piece.kind === 'zero' ? Buffer.alloc(Number(piece.end - piece.start)) : Buffer.from(piece.bytes));
    }
    return { bytes: Buffer.concat(parts) };
  }

  [Symbol.dispose](): void {
    this.#files[Symbol.dispose]();
  }
}

const ZERO = { kind: 'zero' } as const;

/** Pages of a table, as far as their image has them. @param shift from addresses to places in the table */
function* stored(run: TableRun, shift: number): Generator<AlignedRun> {
  const { source, offset } = run;
  const [start, end] = [run.start - shift, run.end - shift];
  if (!('file' in source)) {
    yield { start, end, source: { kind: 'none', ...source } };
    return;
  }
  const { file, depth } = source;
  const whole = Math.floor(Math.max(0, file.sizeBytes - offset) / PAGE_SIZE) * PAGE_SIZE;
  const there = Math.min(end, start + whole);
  if (start < there) yield { start, end: there, source: { kind: 'image', file: file.name, offset, depth }, file };
  const reason = file.failure ?? `${file.name} ends before it`;
  if (there < end) yield { start: there, end, source: { kind: 'none', why: 'lost', reason } };
}

/**
 * Opens the memory of a task of a checkpoint.
 * @throws CritError NO_PROCESS when the set has no such task, ZOMBIE when it has no memory; ImageError of its mm image
 */
export function openAddressSpace(
  checkpoint: Checkpoint,
  pid: number,
  { root = '/' }: AddressSpaceOptions = {},
): AddressSpace {
  const { images } = checkpoint;
  const mm = images.first('MM', pid);
  if (mm) return new AddressSpace(checkpoint, pid, mm, mm.vmas ?? images.messages('VMAS', pid) ?? [], root);
  const tasks = tasksOf(images);
  if (tasks.some((task) => task.pid === pid))
    throw images.has('CORE', pid) && !images.has('PAGEMAP', pid)
      ? new CritError(`process ${pid} is a zombie: it has no memory`, { code: 'ZOMBIE' })
      : new CritError(`${images.file('MM', pid)} is not there: the mappings of process ${pid} are not known`, {
          code: 'MISSING_IMAGE',
        });
  const some = tasks.slice(0, 20).map((task) => task.pid);
  const list = `${some.join(', ')}${tasks.length > some.length ? ', ...' : ''}`;
  throw new CritError(`there is no process ${pid} in ${checkpoint.path}: it has ${list}`, { code: 'NO_PROCESS' });
}
