import { closeSync, readFileSync } from 'node:fs';
import { CritError } from '../image/errors.js';
import { Btf } from '../kernel/btf.js';
import * as BPF from '../kernel/uapi/bpf.js';
import { errnoWords } from '../kernel/uapi/errno.js';
import { addon } from '../native/addon.js';
import { cString, sys, SysError, sysRaw } from '../native/sys.js';

const TYPES = '/sys/kernel/btf/vmlinux';
/** As much as the stack of a BPF program has. */
const CHUNK = 512;
/** What the program is given, and gives back. */
const CONTEXT = { address: 0, result: 8, current: 16, data: 24 } as const;

/**
 * The kernel's own memory, read by a BPF program of crit's (bpf_probe_read_kernel): for what a process holds of which the
 * kernel tells in no other way. Reading changes nothing, and what is not mapped is an error. Needs CAP_BPF, CAP_PERFMON and a
 * kernel that has its types with it.
 *
 * What is read may change meanwhile, unless it belongs to what stands. 80 us for each 512 bytes.
 */
export class KernelMemory implements Disposable {
  readonly types: Btf;
  /** Crit's own task_struct. */
  readonly current: bigint;
  readonly #program: number;
  readonly #context = Buffer.alloc(CONTEXT.data + CHUNK);
  readonly #ask: Uint8Array;
  #cpuOffsets: readonly bigint[] | undefined;

  private constructor(types: Btf, program: number) {
    this.types = types;
    this.#program = program;
    this.#ask = runOf(program, this.#context);
    this.#read(0n);
    this.current = this.#context.readBigUInt64LE(CONTEXT.current);
  }

  /** @returns why not, where this kernel or its rights do not allow it */
  static open(): KernelMemory | string {
    let types: Btf;
    try {
      types = new Btf(readFileSync(TYPES));
    } catch (error) {
      return `${TYPES}: ${(error as Error).message}`;
    }
    const fd = load(program());
    return fd < 0 ? `bpf(BPF_PROG_LOAD): ${errnoWords(-fd)}` : new KernelMemory(types, fd);
  }

  /** @throws CritError KERNEL_MEMORY */
  read(address: bigint, bytes: number): Buffer {
    const found = Buffer.alloc(bytes);
    for (let at = 0; at < bytes; at += CHUNK) {
      // the last one ends where the whole does: what follows may not be there
      const from = bytes < CHUNK ? 0 : Math.min(at, bytes - CHUNK);
      this.#read(address + BigInt(from));
      this.#context.copy(found, from, CONTEXT.data, CONTEXT.data + Math.min(CHUNK, bytes));
    }
    return found;
  }

  /** A structure of the kernel's. */
  struct(name: string, address: bigint): KernelStruct {
    const bytes = this.types.sizeOf(name);
    if (bytes === undefined) throw unknown(`struct ${name}`);
    return new KernelStruct(this.types, name, address, this.read(address, bytes));
  }

  /** The structure that an address is a member of (container_of). */
  container(name: string, member: string, address: bigint): bigint {
    return address - BigInt(offsetOf(this.types, name, member));
  }

  /** Where a member of a structure is. */
  member(name: string, address: bigint, path: string): bigint {
    return address + BigInt(offsetOf(this.types, name, path));
  }

  /** One pointer out of a structure. */
  pointer(name: string, address: bigint, path: string): bigint {
    return this.word(this.member(name, address, path));
  }

  /** A word. */
  word(address: bigint): bigint {
    return this.read(address, 8).readBigUInt64LE();
  }

  /** What a counter of the kernel's has in all processors (percpu_counter, whose address is given). */
  perCpuCount(counter: bigint): bigint {
    this.#cpuOffsets ??= cpuOffsets(this);
    const counters = this.pointer('percpu_counter', counter, 'counters');
    return this.#cpuOffsets.reduce(
      (sum, offset) => sum + BigInt(this.read(BigInt.asUintN(64, counters + offset), 4).readInt32LE()),
      BigInt.asIntN(64, this.pointer('percpu_counter', counter, 'count')),
    );
  }

  /** Numbers that processors can have. */
  get nrCpus(): number {
    return (this.#cpuOffsets ??= cpuOffsets(this)).length;
  }

  #read(address: bigint): void {
    this.#context.writeBigUInt64LE(address, CONTEXT.address);
    const r = sysRaw('bpf', BPF.BPF_PROG_TEST_RUN, this.#ask, this.#ask.length);
    const result = r < 0 ? BigInt(r) : this.#context.readBigInt64LE(CONTEXT.result);
    if (result < 0n && address !== 0n)
      throw new CritError(`the kernel's memory cannot be read: ${errnoWords(Number(-result))}`, {
        code: 'KERNEL_MEMORY',
      });
  }

  [Symbol.dispose](): void {
    closeSync(this.#program);
  }
}

/** A copy of a structure. */
export class KernelStruct {
  readonly address: bigint;
  readonly #types: Btf;
  readonly #name: string;
  readonly #bytes: Buffer;

  constructor(types: Btf, name: string, address: bigint, bytes: Buffer) {
    this.#types = types;
    this.#name = name;
    this.address = address;
    this.#bytes = bytes;
  }

  has(path: string): boolean {
    return this.#types.field(this.#name, path) !== undefined;
  }

  u8(path: string): number {
    return this.#bytes.readUInt8(this.#offset(path));
  }

  u16(path: string): number {
    return this.#bytes.readUInt16LE(this.#offset(path));
  }

  u32(path: string): number {
    return this.#bytes.readUInt32LE(this.#offset(path));
  }

  i32(path: string): number {
    return this.#bytes.readInt32LE(this.#offset(path));
  }

  u64(path: string): bigint {
    return this.#bytes.readBigUInt64LE(this.#offset(path));
  }

  /** A field of one bit. */
  bit(path: string): boolean {
    const field = this.#types.field(this.#name, path);
    if (!field) throw unknown(`${this.#name}.${path}`);
    return ((this.#bytes.readUInt8(field.bit >> 3) >> (field.bit & 7)) & 1) !== 0;
  }

  /** Where a member is. */
  at(path: string): bigint {
    return this.address + BigInt(this.#offset(path));
  }

  #offset(path: string): number {
    return offsetOf(this.#types, this.#name, path);
  }
}

function offsetOf(types: Btf, name: string, path: string): number {
  const field = types.field(name, path);
  if (!field || field.bits !== 0 || field.bit % 8 !== 0) throw unknown(`${name}.${path}`);
  return field.bit / 8;
}

const unknown = (what: string) =>
  new CritError(`this kernel has no ${what}, or another one than crit knows`, { code: 'KERNEL_MEMORY' });

function attr(set: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(BPF.ATTR_BYTES);
  set(new DataView(bytes.buffer));
  return bytes;
}

/** @returns a descriptor of the program, or -errno */
function load(code: Buffer): number {
  const license = cString('GPL');
  const ask = attr((view) => {
    view.setUint32(BPF.PROG_LOAD.type, BPF.BPF_PROG_TYPE_SYSCALL, true);
    view.setUint32(BPF.PROG_LOAD.instructions, code.length / INSTRUCTION_BYTES, true);
    view.setBigUint64(BPF.PROG_LOAD.code, addon().addressOf(code), true);
    view.setBigUint64(BPF.PROG_LOAD.license, addon().addressOf(license), true);
    view.setUint32(BPF.PROG_LOAD.flags, BPF.BPF_F_SLEEPABLE, true);
  });
  return sysRaw('bpf', BPF.BPF_PROG_LOAD, ask, ask.length);
}

/** What runs a program. @param context must live as long */
const runOf = (program: number, context: Buffer): Uint8Array =>
  attr((view) => {
    view.setUint32(BPF.PROG_RUN.fd, program, true);
    view.setUint32(BPF.PROG_RUN.contextBytes, context.length, true);
    view.setBigUint64(BPF.PROG_RUN.context, addon().addressOf(context), true);
  });

const MOST_CPUS = 8192;
const PER_CPU = { cpu: 0, map: 8, value: 16, bytes: 24 } as const;

/** How far each processor's own data is from where the kernel's pointers to such data point: a map of a word each tells. */
function cpuOffsets(memory: KernelMemory): bigint[] {
  const make = attr((view) => {
    view.setUint32(BPF.MAP_CREATE.type, BPF.BPF_MAP_TYPE_PERCPU_ARRAY, true);
    view.setUint32(BPF.MAP_CREATE.keySize, 4, true);
    view.setUint32(BPF.MAP_CREATE.valueSize, 8, true);
    view.setUint32(BPF.MAP_CREATE.maxEntries, 1, true);
  });
  const map = sys('bpf', BPF.BPF_MAP_CREATE, make, make.length);
  try {
    const program = load(perCpuProgram(map));
    if (program < 0) throw new SysError('bpf', -program, 'loading a program');
    try {
      const context = Buffer.alloc(PER_CPU.bytes);
      const ask = runOf(program, context);
      const offsets: bigint[] = [];
      for (let cpu = 0; cpu < MOST_CPUS; cpu++) {
        context.writeBigUInt64LE(BigInt(cpu), PER_CPU.cpu);
        sys('bpf', BPF.BPF_PROG_TEST_RUN, ask, ask.length);
        const value = context.readBigUInt64LE(PER_CPU.value);
        if (value === 0n) break;
        offsets.push(value - memory.pointer('bpf_array', context.readBigUInt64LE(PER_CPU.map), 'pptrs'));
      }
      return offsets;
    } finally {
      closeSync(program);
    }
  } finally {
    closeSync(map);
  }
}

const INSTRUCTION_BYTES = 8;

/** linux/bpf.h: struct bpf_insn */
function instruction(code: number, to: number, from: number, offset: number, value: number): Buffer {
  const bytes = Buffer.alloc(INSTRUCTION_BYTES);
  bytes.writeUInt8(code, 0);
  bytes.writeUInt8(to | (from << 4), 1);
  bytes.writeInt16LE(offset, 2);
  bytes.writeInt32LE(value, 4);
  return bytes;
}

/** Copies CHUNK bytes from the address in its context to the context, by way of its stack. */
function program(): Buffer {
  const [R0, R1, R2, R3, CTX, FP] = [0, 1, 2, 3, 6, 10];
  const { ALU64, LDX64, STX64, CALL, EXIT } = BPF.CODE;
  return Buffer.concat([
    instruction(ALU64.move, CTX, R1, 0, 0),
    instruction(CALL, 0, 0, 0, BPF.FUNC_get_current_task),
    instruction(STX64, CTX, R0, CONTEXT.current, 0),
    instruction(ALU64.move, R1, FP, 0, 0),
    instruction(ALU64.addValue, R1, 0, 0, -CHUNK),
    instruction(ALU64.setValue, R2, 0, 0, CHUNK),
    instruction(LDX64, R3, CTX, CONTEXT.address, 0),
    instruction(CALL, 0, 0, 0, BPF.FUNC_probe_read_kernel),
    instruction(STX64, CTX, R0, CONTEXT.result, 0),
    ...Array.from({ length: CHUNK / 8 }, (_, i) => [
      instruction(LDX64, R1, FP, i * 8 - CHUNK, 0),
      instruction(STX64, CTX, R1, CONTEXT.data + i * 8, 0),
    ]).flat(),
    instruction(ALU64.setValue, R0, 0, 0, 0),
    instruction(EXIT, 0, 0, 0, 0),
  ]);
}

/** Tells the address of a map, and of the element of one processor. */
function perCpuProgram(map: number): Buffer {
  const [R0, R1, R2, R3, CTX, MAP, FP] = [0, 1, 2, 3, 6, 7, 10];
  const { ALU64, LDX64, STX64, ST32, LOAD_MAP, CALL, EXIT } = BPF.CODE;
  return Buffer.concat([
    instruction(ALU64.move, CTX, R1, 0, 0),
    instruction(LOAD_MAP, MAP, BPF.PSEUDO_MAP_FD, 0, map),
    instruction(0, 0, 0, 0, 0),
    instruction(STX64, CTX, MAP, PER_CPU.map, 0),
    instruction(ST32, FP, 0, -8, 0),
    instruction(ALU64.move, R1, MAP, 0, 0),
    instruction(ALU64.move, R2, FP, 0, 0),
    instruction(ALU64.addValue, R2, 0, 0, -8),
    instruction(LDX64, R3, CTX, PER_CPU.cpu, 0),
    instruction(CALL, 0, 0, 0, BPF.FUNC_map_lookup_percpu_elem),
    instruction(STX64, CTX, R0, PER_CPU.value, 0),
    instruction(ALU64.setValue, R0, 0, 0, 0),
    instruction(EXIT, 0, 0, 0, 0),
  ]);
}
