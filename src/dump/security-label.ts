import { CritError } from '../image/errors.js';
import { ProcFileError, readProcText } from '../kernel/proc/proc-file.js';

// The label that AppArmor, SELinux or Smack give a thread (proc_pid_attr(5)).

/** Kernels without such a module say EINVAL. */
function labelOf(pid: number, tid: number): string | undefined {
  try {
    return readProcText(pid, 'attr/current', tid).replace(/[\0\n]+$/, '');
  } catch (error) {
    if (error instanceof ProcFileError && ['NO_PROC_FILE', 'EINVAL', 'EOPNOTSUPP'].includes(error.code))
      return undefined;
    throw error;
  }
}

let own: { label: string | undefined } | undefined;

/** Refuses a thread whose label is another than crit's: it would come back with that of crit. @throws CritError UNSUPPORTED */
export function checkLabel(pid: number, tid: number): void {
  own ??= { label: labelOf(process.pid, process.pid) };
  if (own.label === undefined) return;
  const label = labelOf(pid, tid);
  if (label !== own.label)
    throw new CritError(
      `task ${tid} of process ${pid} has the security label ${JSON.stringify(label)}, crit has ${JSON.stringify(own.label)}: not supported yet`,
      { code: 'UNSUPPORTED' },
    );
}
