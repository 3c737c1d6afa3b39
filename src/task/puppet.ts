import type { Pid } from '../image/pid.js';
import { REG } from '../arch/index.js';
import { CritError } from '../image/errors.js';
import { PTRACE_EVENT_STOP } from '../kernel/uapi/ptrace.js';
import { nowMs } from '../image/clock.js';
import { checkInterrupts } from '../native/interrupts.js';
import { Batch, type Arg, type OperationName } from './batch.js';
import type { Patience } from './patience.js';
import { TaskDied } from './remote-error.js';
import type { Ring } from './ring.js';
import { isDead, passedOn, type Tracee } from './tracee.js';

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
  /** As crit sees it, in crit's pid namespace. What crit chose or the kernel told, never what a puppet said. */
  readonly tid: Pid;
  readonly tracee: Tracee | undefined;
  readonly patience: Patience;
  #batch: Batch | undefined;
  #failure: Error | undefined;

  constructor(ring: Ring, tid: Pid, patience: Patience, tracee?: Tracee) {
    this.ring = ring;
    this.tid = tid;
    this.patience = patience;
    this.tracee = tracee;
  }

  /** It did not answer: nothing more can be asked, it has to be taken out of the blob by other means. */
  get lost(): boolean {
    return this.#failure !== undefined;
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
    const ref = b.tryCall(name, ...args);
    b.run();
    return ref.value;
  }

  /**
   * Waits for the submitted batch; a puppet that faults or dies never answers, so its state is looked at too. When the
   * wait ends without an answer the puppet is lost: it may still be at work.
   */
  #wait(): void {
    if (this.#failure) throw this.#failure;
    try {
      for (let since = nowMs(); !this.ring.wait(SLICE_MS);) {
        this.#look();
        checkInterrupts();
        const now = nowMs();
        this.patience.spend(now - since, this.tid);
        since = now;
      }
    } catch (error) {
      this.#failure = error as Error;
      throw error;
    }
  }

  /** @throws TaskDied, CritError TASK_FAULT */
  #look(): void {
    const stop = this.tracee?.poll();
    if (!stop) {
      if (isDead(this.tid)) throw new TaskDied(this.tid, 'was killed');
      return;
    }
    if (stop.event === PTRACE_EVENT_STOP || passedOn(stop) !== 0) {
      // A job-control stop, or a stray interrupt: the blob goes on.
      this.tracee!.cont(passedOn(stop));
      return;
    }
    const regs = this.tracee!.getRegs();
    const [ip, sp] = [regs[REG.ip]!.toString(16), regs[REG.sp]!.toString(16)];
    throw new CritError(
      `task ${this.tid} got signal ${stop.signal} while it worked for crit (ip 0x${ip}, sp 0x${sp}): its memory was written to, or cannot be used`,
      { code: 'TASK_FAULT' },
    );
  }
}
