import type { Messages } from '../image/generated/messages.js';
import { answer, sysRaw } from '../native/sys.js';

/** The list of robust futexes that a thread holds (get_robust_list(2), from outside); zeros for none. */
export function robustListOf(tid: number): Pick<Messages['thread_core_entry'], 'futex_rla' | 'futex_rla_len'> {
  const head = new BigUint64Array(1);
  const length = new BigUint64Array(1);
  const r = answer('get_robust_list', sysRaw('get_robust_list', tid, head, length), ['ENOSYS'], `of task ${tid}`);
  return r === undefined
    ? { futex_rla: 0n, futex_rla_len: 0 }
    : { futex_rla: head[0]!, futex_rla_len: Number(length[0]) };
}
