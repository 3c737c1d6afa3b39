import { ERRNO } from '../kernel/uapi/errno.js';
import { FUTEX_PRIVATE_FLAG, FUTEX_WAIT } from '../kernel/uapi/futex.js';
import {
  SIGALRM,
  SIGCHLD,
  SIGCONT,
  SIGHUP,
  SIGINT,
  SIGQUIT,
  SIGTERM,
  SIGTSTP,
  SIGUSR1,
  SIGUSR2,
} from '../kernel/uapi/signal.js';
import {
  __WALL,
  WEXITSTATUS,
  WIFEXITED,
  WIFSIGNALED,
  WIFSTOPPED,
  WNOHANG,
  WTERMSIG,
  WUNTRACED,
} from '../kernel/uapi/wait.js';
import { addon } from '../native/addon.js';
import { sysRaw } from '../native/sys.js';
import type { JobTerminal } from '../restore/job-terminal.js';

/** What is sent to crit and meant for the tree. */
const FORWARDED = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM];
/** How the counts are laid out (native/addon/addon.cc, CountSignal). */
const NR_WORDS = 129;
const FROM_KERNEL = 64;
/** How long crit waits for being stopped, should nobody be there who would let it go on again. */
const STOP_WAIT_NS = 200_000_000n;
/** A shell's status of a command that a signal ended. */
const KILLED = 128;

/**
 * Stands for the root of a restored tree before whoever waits for crit: signals go on to it, its end is crit's, and so are
 * its stops where the tree is a shell job. From the first call on signals end nothing: they are counted.
 */
export class RootWatch {
  readonly #counts = new Int32Array(NR_WORDS);
  readonly #seen = new Int32Array(NR_WORDS);

  constructor() {
    this.#count(FORWARDED);
  }

  #count(signals: readonly number[]): void {
    for (const signal of signals) addon().countSignal(signal, this.#counts);
  }

  /** @returns the exit status of the root, 128 and the signal where one ended it; 0 where it is no child of crit */
  wait(root: number, terminal: JobTerminal | undefined): number {
    // only now: whoever starts scripts waits for them in its own way
    this.#count([SIGCHLD, SIGCONT]);
    const status = new Int32Array(1);
    for (;;) {
      const total = Atomics.load(this.#counts, 0);
      this.#forward(root);
      if (this.#arrived(SIGCONT) > 0) resume(root, terminal);
      for (let pid; (pid = sysRaw('wait4', -1, status, WNOHANG | WUNTRACED | __WALL, null)) !== 0;) {
        if (pid === -ERRNO.EINTR) continue;
        if (pid < 0) return 0;
        if (pid !== root) continue; // crit may be the init of a pid namespace
        const word = status[0]!;
        if (WIFEXITED(word)) return WEXITSTATUS(word);
        if (WIFSIGNALED(word)) return KILLED + WTERMSIG(word);
        if (WIFSTOPPED(word) && terminal && !sameGroup(root)) this.#stop(root, terminal);
      }
      this.#sleep(total);
    }
  }

  /** How often a signal has come since the last call. */
  #arrived(signal: number): number {
    const count = Atomics.load(this.#counts, signal);
    const since = count - this.#seen[signal]!;
    this.#seen[signal] = count;
    return since;
  }

  #forward(root: number): void {
    for (const signal of FORWARDED) {
      const ofKernel = this.#arrived(FROM_KERNEL + signal);
      let n = this.#arrived(signal);
      // a terminal has sent it to the root, too
      if (sameGroup(root)) n -= ofKernel;
      for (; n > 0; n--) sysRaw('kill', root, signal);
    }
  }

  /** The root of a shell job has stopped: so does crit's group, and the shell is told. */
  #stop(root: number, terminal: JobTerminal): void {
    terminal.takeBack();
    this.#arrived(SIGCONT);
    const total = Atomics.load(this.#counts, 0);
    sysRaw('kill', 0, SIGTSTP);
    // another thread may take the signal; a group that nobody could let go on is not stopped
    this.#sleep(total, STOP_WAIT_NS);
    this.#arrived(SIGCONT);
    resume(root, terminal);
  }

  #sleep(total: number, ns?: bigint): void {
    sysRaw('futex', this.#counts, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, total, ns ? BigInt64Array.of(0n, ns) : null);
  }
}

function sameGroup(root: number): boolean {
  return sysRaw('getpgid', root) === sysRaw('getpgid', 0);
}

/** Whoever let crit go on means the job: in the foreground, if crit was put there. */
function resume(root: number, terminal: JobTerminal | undefined): void {
  if (!terminal || sameGroup(root)) return;
  terminal.handOver();
  sysRaw('kill', -sysRaw('getpgid', root), SIGCONT);
}
