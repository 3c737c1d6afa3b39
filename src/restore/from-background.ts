import { SIG_BLOCK, SIG_SETMASK, signalBit, SIGSET_BYTES, SIGTTOU } from '../kernel/uapi/signal.js';
import { sysRaw } from '../native/sys.js';

/** Changes a terminal, which from the background of it would stop crit: SIGTTOU is blocked meanwhile. */
export function fromBackground(work: () => void): void {
  const mask = new BigUint64Array(1);
  sysRaw('rt_sigprocmask', SIG_BLOCK, BigUint64Array.of(signalBit(SIGTTOU)), mask, SIGSET_BYTES);
  try {
    work();
  } finally {
    sysRaw('rt_sigprocmask', SIG_SETMASK, mask, null, SIGSET_BYTES);
  }
}
