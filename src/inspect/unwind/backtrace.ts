import { imageMachineOf, type ImageMachine, type MachineFrame } from '../../arch/images.js';
import type { AddressSpace } from '../address-space/address-space.js';
import type { Mapping } from '../address-space/memory-run.js';
import type { Checkpoint } from '../checkpoint.js';
import { threadsOf } from '../core-file/threads.js';
import { CodeModule } from './code-module.js';
import type { FrameEntry } from './frame-entry.js';
import type { ReadMemory } from './pointer.js';
import { callerByFramePointer, callerByRules, interruptedBySignal, type Caller } from './step.js';

/** More frames than this are a recursion, of which nobody reads them. */
const MAX_FRAMES = 256;
const MAX_READ_BYTES = 1 << 20;
/** Rules of so many places are kept: a recursion has few. */
const MAX_KEPT = 10_000;

/** How a frame was found: by the registers of the image, or from the frame before it, which a signal may have interrupted. */
export type FoundBy = 'registers' | 'eh_frame' | 'frame pointer' | 'signal frame';

/** One frame of a thread, innermost first. */
export interface StackFrame {
  readonly address: bigint;
  /** The name of the function, where its file is at hand and tells it. */
  readonly symbol: string | undefined;
  /** Bytes from the function's begin. */
  readonly offset: number | undefined;
  /** The file (or [vdso]) that the code is in; undefined where nothing is mapped. */
  readonly file: string | undefined;
  /** No function's: it is between a signal's handler and what the signal interrupted. */
  readonly isSignalFrame: boolean;
  readonly by: FoundBy;
}

export interface ThreadBacktrace {
  readonly tid: number;
  readonly name: string;
  readonly frames: readonly StackFrame[];
  /** Why no frame follows the last one; undefined where the stack ends. */
  readonly stopped: string | undefined;
}

export interface BacktraceOptions {
  /** `eh_frame` (the default) follows frame pointers only where a function has no entry in .eh_frame. */
  readonly by?: 'eh_frame' | 'frame pointers';
}

/** A caller and how it was found. */
type Found = { readonly frame: MachineFrame; readonly by: FoundBy; readonly isInterrupted: boolean } | string;

const isText = (caller: Caller): caller is string => typeof caller === 'string';

/** The stacks of one task. */
class Unwinder {
  readonly #space: AddressSpace;
  readonly #usesRules: boolean;
  readonly #warn: (text: string) => void;
  readonly #modules = new Map<Mapping, CodeModule | undefined>();
  readonly #entries = new Map<bigint, FrameEntry | undefined>();

  constructor(space: AddressSpace, by: BacktraceOptions['by'], warn: (text: string) => void) {
    this.#space = space;
    this.#usesRules = by !== 'frame pointers';
    this.#warn = warn;
  }

  readonly #memory: ReadMemory = (address, length) =>
    address < 0n || address + BigInt(length) > 1n << 64n || length > MAX_READ_BYTES
      ? Buffer.alloc(0)
      : this.#space.read(address, length).bytes;

  #module(mapping: Mapping | undefined): CodeModule | undefined {
    if (!mapping) return undefined;
    if (!this.#modules.has(mapping)) {
      const found = CodeModule.of(this.#space, this.#memory, mapping);
      const isMissing = typeof found === 'string' && mapping.kind === 'file';
      if (isMissing) this.#warn(`${mapping.name} tells nothing of its functions: ${found}`);
      this.#modules.set(mapping, typeof found === 'string' ? undefined : found);
    }
    return this.#modules.get(mapping);
  }

  #entry(address: bigint): FrameEntry | undefined {
    if (!this.#usesRules) return undefined;
    if (!this.#entries.has(address)) {
      if (this.#entries.size >= MAX_KEPT) this.#entries.clear();
      this.#entries.set(address, this.#module(this.#space.mappingAt(address))?.entryFor(address));
    }
    return this.#entries.get(address);
  }

  /** @param isReturn it is where a call returns to: the call itself is before it */
  #shown(machine: ImageMachine, frame: MachineFrame, isReturn: boolean, by: FoundBy): StackFrame {
    const { pc } = frame;
    const address = pc - (isReturn ? 1n : 0n);
    const mapping = this.#space.mappingAt(pc);
    const entry = this.#entry(address);
    const isSignalFrame = entry ? entry.isSignalFrame : interruptedBySignal(machine, frame, this.#memory) !== undefined;
    const found = isSignalFrame ? undefined : this.#module(mapping)?.functionAt(address);
    return {
      address: pc,
      symbol: found?.name,
      offset: found && Number(pc - found.value),
      file: mapping && (mapping.name === '' ? 'anonymous memory' : mapping.name),
      isSignalFrame,
      by,
    };
  }

  #caller(machine: ImageMachine, frame: MachineFrame, isReturn: boolean): Found {
    const address = frame.pc - (isReturn ? 1n : 0n);
    const entry = this.#entry(address);
    if (entry) {
      const caller = callerByRules(machine, entry, frame, address, this.#memory);
      return isText(caller) ? caller : { frame: caller, by: 'eh_frame', isInterrupted: entry.isSignalFrame };
    }
    const interrupted = interruptedBySignal(machine, frame, this.#memory);
    if (interrupted) return { frame: interrupted, by: 'signal frame', isInterrupted: true };
    const caller = callerByFramePointer(machine, frame, this.#memory);
    return isText(caller) ? caller : { frame: caller, by: 'frame pointer', isInterrupted: false };
  }

  stack(machine: ImageMachine, start: MachineFrame): Pick<ThreadBacktrace, 'frames' | 'stopped'> {
    const { stackPointer } = machine.dwarf;
    let frame = start;
    let isReturn = false;
    const frames = [this.#shown(machine, frame, isReturn, 'registers')];
    for (;;) {
      const found = this.#caller(machine, frame, isReturn);
      if (typeof found === 'string') return { frames, stopped: found === '' ? undefined : found };
      const { pc, registers } = found.frame;
      if (pc === 0n) return { frames, stopped: undefined };
      if (!this.#space.mappingAt(pc)?.prot.includes('x'))
        return { frames, stopped: `it returns to 0x${pc.toString(16)}, where no code is` };
      const [before, now] = [frame.registers[stackPointer], registers[stackPointer]];
      // a function that has nothing on the stack yet begins where its caller ends
      const isDeeper = before !== undefined && now !== undefined && (frames.length > 1 ? now <= before : now < before);
      if (isDeeper && !found.isInterrupted) return { frames, stopped: 'the frame of its caller is not above its own' };
      if (frames.length >= MAX_FRAMES) return { frames, stopped: 'more frames follow' };
      frame = found.frame;
      isReturn = !found.isInterrupted;
      frames.push(this.#shown(machine, frame, isReturn, found.by));
    }
  }
}

/**
 * The stacks of a task's threads, by .eh_frame of the programs and libraries that it had mapped, as far as their files (or
 * their pages) are at hand; by frame pointers in functions that have no entry there. Each frame says how it was found;
 * nothing is guessed.
 * @param warn is told of threads that are left out, and of files that are not at hand
 * @throws CritError as threadsOf
 */
export function backtraces(
  checkpoint: Checkpoint,
  space: AddressSpace,
  warn: (text: string) => void,
  { by }: BacktraceOptions = {},
): readonly ThreadBacktrace[] {
  const unwinder = new Unwinder(space, by, warn);
  return threadsOf(checkpoint, space.pid, warn).threads.map(({ tid, name, core }) => {
    const machine = imageMachineOf(core)!;
    return { tid, name, ...unwinder.stack(machine, machine.frameOf(core)!) };
  });
}
