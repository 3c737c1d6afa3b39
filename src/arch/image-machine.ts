import type { Messages } from '../image/generated/messages.js';

type Core = Messages['core_entry'];

/**
 * What the machine that images are from is to a debugger, whatever machine looks at them. Registers are numbered as DWARF
 * numbers them (the ABI of the processor).
 */
export interface ImageMachine {
  readonly name: string;
  /** e_machine of elf.h */
  readonly elfMachine: number;
  readonly wordBytes: 4 | 8;
  /** Where a thread stands. @returns undefined when its image has no registers */
  readonly frameOf: (core: Core) => MachineFrame | undefined;
  readonly dwarf: {
    readonly stackPointer: number;
    /** Points to the caller's frame pointer, behind which is where to return to. */
    readonly framePointer: number;
    /** The address of the instruction, where it has a number. */
    readonly instruction: number | undefined;
    /** What holds the return address when a function begins, where that is not on the stack. */
    readonly link: number | undefined;
    /** What a function may change without giving it back. */
    readonly scratch: readonly number[];
  };
  /** Bytes between a frame pointer and what the stack pointer was before the call; undefined: nobody knows. */
  readonly frameRecordBytes: number | undefined;
  /** An address in code, without bits that sign it. */
  readonly plainAddress: (value: bigint) => bigint;
  /** Whether the bytes before an address end with a call. */
  readonly endsWithCall: (before: Buffer) => boolean;
  /** The instructions that end a signal handler, and the registers on the stack then, in bytes from the stack pointer. */
  readonly signalReturn: SignalReturn | undefined;
  /** A thread's registers as ptrace(2) shows them here and core files have them, the general ones first. */
  readonly registerSets: (core: Core) => readonly RegisterSet[];
}

/** The notes of elf.h (NT_...) in which core files have registers. */
export type RegisterNote = 'PRSTATUS' | 'PRFPREG' | 'PRXFPREG' | 'X86_XSTATE' | '386_TLS' | 'ARM_TLS';

export interface RegisterSet {
  readonly note: RegisterNote;
  readonly bytes: Uint8Array;
}

export interface MachineFrame {
  readonly pc: bigint;
  readonly registers: readonly (bigint | undefined)[];
}

export interface SignalReturn {
  readonly code: readonly number[];
  /** By register. */
  readonly registers: ReadonlyMap<number, number>;
  readonly pc: number;
}
