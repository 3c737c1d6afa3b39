import { closeSync, openSync } from 'node:fs';
import type { Pid } from '../image/pid.js';
import { NAMESPACE_FLAGS } from '../kernel/proc/namespaces.js';
import { sys } from '../native/sys.js';

/** Namespaces that a thread of crit can be in for a while, alone among its threads (setns(2)). */
type Entered = 'ipc' | 'uts';

/**
 * Does something in a namespace of a task: this thread of crit is in it for the time of the work, which must not wait
 * for anything else. 4 system calls more than the work. @throws SysError EPERM without CAP_SYS_ADMIN
 */
export function insideNamespace<T>(pid: Pid, kind: Entered, work: () => T): T {
  const flag = NAMESPACE_FLAGS[kind];
  const own = openSync(`/proc/thread-self/ns/${kind}`, 'r');
  try {
    const theirs = openSync(`/proc/${pid}/ns/${kind}`, 'r');
    try {
      sys('setns', theirs, flag);
    } finally {
      closeSync(theirs);
    }
    try {
      return work();
    } finally {
      sys('setns', own, flag);
    }
  } finally {
    closeSync(own);
  }
}
