import type { AddressSpace } from '../address-space/address-space.js';
import { ElfFile } from '../address-space/elf-file.js';
import type { Mapping } from '../address-space/memory-run.js';
import type { Checkpoint } from '../checkpoint.js';
import { threadsOf } from './threads.js';

/** More frames than this are a loop, or nobody reads them. */
const MAX_FRAMES = 256;
/** A frame is not larger: the chain has left the stack. */
const MAX_FRAME_BYTES = 64n << 20n;

/** One frame of a thread, innermost first. */
export interface StackFrame {
  readonly address: bigint;
  /** The name of the function, where its file is at hand and tells it. */
  readonly symbol: string | undefined;
  /** Bytes from the function's begin. */
  readonly offset: number | undefined;
  /** The file (or [vdso]) that the code is in; undefined where nothing is mapped. */
  readonly file: string | undefined;
}

export interface ThreadBacktrace {
  readonly tid: number;
  readonly name: string;
  readonly frames: readonly StackFrame[];
}

/** Names of code addresses. */
class Symbols {
  readonly #space: AddressSpace;
  readonly #files = new Map<string, ElfFile | undefined>();

  constructor(space: AddressSpace) {
    this.#space = space;
  }

  #elf(mapping: Mapping): ElfFile | undefined {
    if (!this.#files.has(mapping.name)) {
      const file = this.#space.fileOf(mapping);
      this.#files.set(mapping.name, file && ElfFile.of(file));
    }
    return this.#files.get(mapping.name);
  }

  /** @param isReturn it is where a call returns to: the call itself is before it */
  frame(address: bigint, isReturn: boolean): StackFrame {
    const mapping = this.#space.mappingAt(address);
    const elf = mapping?.kind === 'file' ? this.#elf(mapping) : undefined;
    const bias = elf?.bias(mapping!);
    const inFile = bias === undefined ? undefined : address - bias;
    const found = inFile === undefined ? undefined : elf?.functionAt(inFile - (isReturn ? 1n : 0n));
    return {
      address,
      symbol: found?.name,
      offset: found && Number(inFile! - found.value),
      file: mapping && (mapping.name === '' ? 'anonymous memory' : mapping.name),
    };
  }
}

/**
 * The stacks of a task's threads, by the chain of frame pointers: right for programs that are compiled with
 * -fno-omit-frame-pointer; of others frames are left out, mostly that of the caller of the innermost function.
 * @param warn is told of threads that are left out
 * @throws CritError as threadsOf
 */
export function backtraces(
  checkpoint: Checkpoint,
  space: AddressSpace,
  warn: (text: string) => void,
): readonly ThreadBacktrace[] {
  const symbols = new Symbols(space);
  return threadsOf(checkpoint, space.pid, warn).threads.map(({ tid, name, core, machine }) => {
    const { ip, sp, bp } = machine.frameOf(core)!;
    const frames = [symbols.frame(ip, false)];
    let at = bp;
    let before = sp;
    while (frames.length < MAX_FRAMES && at >= before && at - before < MAX_FRAME_BYTES) {
      const { bytes } = space.read(at, 16);
      if (bytes.length < 16) break;
      const back = bytes.readBigUInt64LE(8);
      if (!space.mappingAt(back)?.prot.includes('x')) break;
      frames.push(symbols.frame(back, true));
      before = at + 16n;
      at = bytes.readBigUInt64LE(0);
    }
    return { tid, name, frames };
  });
}
