import { Batch, type Arg, type OperationName, type Ref } from './batch.js';
import { TaskDied } from './remote-error.js';
import type { Ring } from './ring.js';
import { isDead, type Tracee } from './tracee.js';

const SLICE_MS = 20;

/**
 * A thread that runs the blob: system calls happen inside it. See docs/puppet.md.
 *
 * @example
 * const b = puppet.batch();
 * const fd = b.call('openat', AT_FDCWD, '/etc/hostname', O_RDONLY, 0);
 * const out = b.out(64);
 * const n = b.call('read', fd, out, 64);
 * b.call('close', fd);
 * b.run(); // one round trip
 * out.bytes.subarray(0, n.value);
 */
export class Puppet {
  readonly ring: Ring;
  /** As crit sees it, in crit's pid namespace. */
  readonly tid: number;
  readonly tracee: Tracee | undefined;
  #batch: Batch | undefined;

  constructor(ring: Ring, tid: number, tracee?: Tracee) {
    this.ring = ring;
    this.tid = tid;
    this.tracee = tracee;
  }

  /** The puppet's batch; one at a time: what is collected in it runs with the next `run()`. */
  batch(): Batch {
    this.#batch ??= new Batch(
      this.ring,
      () => this.tid,
      () => this.#wait(),
    );
    return this.#batch;
  }

  /** One call that must succeed. 1 batch. @throws RemoteError */
  must(name: OperationName, ...args: Arg[]): number {
    const b = this.batch();
    const ref = b.call(name, ...args);
    b.run();
    return ref.value;
  }

  /** One call: its result or -errno. 1 batch. */
  syscall(name: OperationName, ...args: Arg[]): number {
    const b = this.batch();
    const ref: Ref = b.tryCall(name, ...args);
    b.run();
    return ref.value;
  }

  /** Waits for the submitted batch; a puppet that faults or dies never answers, so its state is looked at too. */
  #wait(): void {
    while (!this.ring.wait(SLICE_MS)) {
      const stop = this.tracee?.poll();
      if (!stop) {
        if (isDead(this.tid)) throw new TaskDied(this.tid, 'was killed');
        continue;
      }
      const regs = this.tracee!.getRegs();
      if (stop.event === 128) {
        // A group stop or a stray interrupt: the blob goes on.
        this.tracee!.cont();
        continue;
      }
      throw new TaskDied(
        this.tid,
        `stopped with signal ${stop.signal} inside a batch (ip 0x${regs[16]!.toString(16)}, sp 0x${regs[19]!.toString(16)})`,
      );
    }
  }
}
