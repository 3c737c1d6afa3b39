import { existsSync } from 'node:fs';
import path from 'node:path';
import { notBuilt } from './not-built.js';

/** An argument of a system call: a word, an address, a buffer (its address is passed), or nothing (0). */
export type Word = number | bigint | NodeJS.TypedArray | ArrayBuffer | null;

/** The addon's surface, one kernel call each (native/addon/addon.cc). Errors are negative errno numbers. */
export interface Addon {
  syscall(nr: number, ...args: Word[]): number;
  addressOf(buffer: NodeJS.TypedArray | ArrayBuffer): bigint;
  /** Memory shared through one file, and a second one behind it. */
  mapShared(fd: number, length: number, fd2?: number, length2?: number): ArrayBuffer | number;
  /** The kernel marks the word at AREA_DEATH of an area when the calling thread dies. */
  holdDeathWord(area: ArrayBuffer): number;
  dropDeathWord(area: ArrayBuffer): void;
  ringSubmit(buffer: ArrayBuffer, orders: number, answers: number, command: number): void;
  ringWait(
    buffer: ArrayBuffer,
    orders: number,
    answers: number,
    command: number,
    spins: number,
    timeoutMs: number,
  ): boolean;
  /** Two system calls with nothing of JavaScript's in between. @returns what the second did, or -errno of the one that failed */
  twoSyscalls(first: readonly Word[], second: readonly Word[]): number;
  /** Runs operations in crit itself. @returns how many succeeded */
  runOps(buffer: ArrayBuffer, operations: number, results: number, count: number): number;
  /** The same by a process that finishes them even when crit is killed; -errno where it cannot be had. */
  runOpsApart(buffer: ArrayBuffer, operations: number, results: number, count: number): number;
  /** The instruction: eax, ebx, ecx, edx. */
  cpuid(leaf: number, subleaf: number): Uint32Array;
  catchSignal(signal: number, word: Int32Array | null): number;
  /** Changes a flag of V8 as `v8.setFlagsFromString` does; loading node:v8 takes 3 ms. False where V8 has no such door. */
  setV8Flag(flag: string): boolean;
  /** Counts a signal's arrivals instead of its usual effect: of 129 words, 0 counts all, N one, 64 + N those of the kernel. */
  countSignal(signal: number, counts: Int32Array): number;
  /** A system call that a process of this number and these ids makes, which ends again. It has crit's memory and descriptors. */
  callAs(pid: number, uid: number, gid: number, groups: Uint32Array, nr: number, ...args: Word[]): number;
  /** A child that ends with this status (wait(2)), and is a zombie when this returns. @returns its number, or -errno */
  endAs(status: number): number;
  /** @param clocks offsets of a time namespace for it, as timens_offsets wants them */
  spawnStub(
    stub: number,
    control: number,
    keep: Int32Array,
    setTid: Int32Array,
    flags: number,
    clocks?: string,
  ): number;
}

/** Where this module runs from: dist/src/native when compiled, dist/ when bundled. */
function here(): string {
  return typeof __dirname === 'string' ? __dirname : import.meta.dirname;
}

/** A file of the native build (build/...), looked up from this module towards the package's root. */
export function nativeFile(relative: string): string {
  for (let dir = here(); ; dir = path.dirname(dir)) {
    const candidate = path.join(dir, 'build', relative);
    if (existsSync(candidate)) return candidate;
    if (dir === path.dirname(dir)) break;
  }
  throw notBuilt(here(), relative);
}

let loaded: Addon | undefined;

/** Loads the addon once. @throws CritError NO_NATIVE when it was not built for this machine */
export function addon(): Addon {
  if (!loaded) {
    // as require() would, without the module loader's own start-up
    const module = { exports: {} };
    process.dlopen(module, nativeFile('Release/crit.node'));
    loaded = module.exports as Addon;
  }
  return loaded;
}
