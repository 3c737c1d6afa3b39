import { F_SETFD } from '../kernel/uapi/open-flags.js';
import { SIGPIPE, SIGSET_BYTES, SIGXFSZ } from '../kernel/uapi/signal.js';
import { addon } from './addon.js';
import { cString, sysRaw } from './sys.js';

/** struct sigaction of the kernel (x86_64), all zero: SIG_DFL. */
const KERNEL_SIGACTION_BYTES = 32;

/** An array of strings as execve(2) takes it. */
function pointers(strings: readonly Uint8Array[]): BigUint64Array {
  return new BigUint64Array([...strings.map((bytes) => addon().addressOf(bytes)), 0n]);
}

/**
 * Becomes another program: same pid, same children; all other threads end. The signals that Node ignores are as they were;
 * the standard descriptors and those to keep, all of which Node marks as closing on exec, stay open. Strings end with a NUL.
 * @returns -errno, only when it cannot be done
 */
export function execve(
  file: string,
  argv: readonly Uint8Array[],
  envp: readonly Uint8Array[],
  keep: readonly number[] = [],
): number {
  for (const fd of [0, 1, 2, ...keep]) sysRaw('fcntl', fd, F_SETFD, 0);
  for (const signal of [SIGPIPE, SIGXFSZ])
    sysRaw('rt_sigaction', signal, new Uint8Array(KERNEL_SIGACTION_BYTES), null, SIGSET_BYTES);
  const result = sysRaw('execve', cString(file), pointers(argv), pointers(envp));
  // Named here, so that nothing is collected before.
  if (argv.length + envp.length < 0) throw new RangeError();
  return result;
}
