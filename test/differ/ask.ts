import { errnoCode } from '../../src/kernel/uapi/errno.js';
import type { SyscallName } from '../../src/arch/index.js';
import type { Arg, Batch, Out } from '../../src/task/batch.js';
import { hex, type Facts } from './facts.js';

/** Room that a call fills. */
export class Room {
  readonly sizeBytes: number;
  readonly init: Uint8Array | undefined;
  readonly show: ((view: DataView) => string) | undefined;
  constructor(sizeBytes: number, init?: Uint8Array, show?: (view: DataView) => string) {
    this.sizeBytes = sizeBytes;
    this.init = init;
    this.show = show;
  }
}

/** Room for an answer, shown as hex, or by `show`. */
export const room = (sizeBytes: number, show?: (view: DataView) => string) => new Room(sizeBytes, undefined, show);
/** Room that holds something already. */
export const filled = (init: Uint8Array, show?: (view: DataView) => string) => new Room(init.length, init, show);

/** Words of 32 bits, for `filled`. */
export const u32 = (...values: number[]) => new Uint8Array(Uint32Array.from(values).buffer);

type Value = Arg | Room;

/** Questions to one task, in batches; the answers become facts when `run()` has been called. */
export class Questions {
  readonly #facts: Facts;
  readonly #batch: Batch;
  readonly #answers: (() => void)[] = [];

  constructor(facts: Facts, batch: Batch) {
    this.#facts = facts;
    this.#batch = batch;
  }

  #call(name: SyscallName, args: readonly Value[]): { result: () => number; outs: { out: Out; room: Room }[] } {
    const rooms = args.filter((arg) => arg instanceof Room);
    const bytes = args.reduce<number>(
      (sum, arg) =>
        sum +
        (arg instanceof Room
          ? arg.sizeBytes + 16
          : typeof arg === 'string' || arg instanceof Uint8Array
            ? arg.length * 4 + 16
            : 0),
      0,
    );
    this.#batch.reserve(rooms.length + 1, bytes);
    const outs: { out: Out; room: Room }[] = [];
    const given = args.map((arg) => {
      if (!(arg instanceof Room)) return arg;
      const out = this.#batch.out(arg.sizeBytes, arg.init);
      outs.push({ out, room: arg });
      return out;
    });
    const ref = this.#batch.tryCall(name, ...given);
    return { result: () => ref.value, outs };
  }

  /** Asks, and keeps the answer, errors included. */
  ask(where: string, name: SyscallName, ...args: Value[]): void {
    const { result, outs } = this.#call(name, args);
    this.#answers.push(() => {
      const value = result();
      this.#facts.add(where, value < 0 && value >= -4095 ? errnoCode(value) : shown(value, outs));
    });
  }

  /** Asks what few can answer: an error is no fact. */
  askIfAny(where: string, name: SyscallName, ...args: Value[]): void {
    const { result, outs } = this.#call(name, args);
    this.#answers.push(() => {
      const value = result();
      if (value >= 0) this.#facts.add(where, shown(value, outs));
    });
  }

  /** getsockopt(2) and the like: the last argument's room tells how much of the one before is filled. */
  askSized(where: string, name: SyscallName, sizeBytes: number, ...args: Arg[]): void {
    const { result, outs } = this.#call(name, [...args, room(sizeBytes), filled(u32(sizeBytes))]);
    this.#answers.push(() => {
      if (result() < 0) return;
      const size = outs[1]!.out.view.getUint32(0, true);
      const whole = outs[0]!.out.bytes;
      this.#facts.add(where, `${size} bytes ${hex(whole.subarray(0, Math.min(size, whole.length)))}`);
    });
  }

  /** What is known without asking. */
  note(where: string, value: string): void {
    this.#facts.add(where, value);
  }

  run(): void {
    this.#batch.run();
    for (const answer of this.#answers.splice(0)) answer();
  }
}

function shown(value: number, outs: readonly { out: Out; room: Room }[]): string {
  if (outs.length === 0) return String(value);
  const texts = outs.map(({ out, room: r }) => (r.show ? r.show(out.view) : hex(out.bytes)));
  return value === 0 ? texts.join(' ') : `${value}: ${texts.join(' ')}`;
}
