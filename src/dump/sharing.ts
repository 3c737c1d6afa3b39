import { CritError } from '../image/errors.js';
import { KCMP_SIGHAND, KCMP_VM } from '../kernel/uapi/kcmp.js';
import { sys, sysRaw } from '../native/sys.js';
import type { MakeResource } from './resource.js';

/** Refuses processes that share their memory or their signal handlers. */
export const sharing: MakeResource = ({ refuse }) => ({
  name: 'shared memory and handlers',
  check: ({ alive }) => {
    for (const refused of refusals(alive.map(({ pid }) => pid))) refuse(refused);
  },
});

function* refusals(pids: readonly number[]): Generator<CritError> {
  // kcmp orders objects: equal neighbours after a sort are all that can be equal
  for (const [type, what] of [
    [KCMP_VM, 'memory (CLONE_VM without CLONE_THREAD, as between vfork and exec)'],
    [KCMP_SIGHAND, 'signal handlers (CLONE_SIGHAND without CLONE_THREAD)'],
  ] as const) {
    const sorted = [...pids].sort((a, b) => {
      const order = sysRaw('kcmp', a, b, type, 0, 0);
      return order === 1 ? -1 : order === 2 ? 1 : 0;
    });
    for (let i = 1; i < sorted.length; i++)
      if (sys('kcmp', sorted[i - 1]!, sorted[i]!, type, 0, 0) === 0)
        yield new CritError(`processes ${sorted[i - 1]} and ${sorted[i]} share their ${what}: not supported`, {
          code: 'UNSUPPORTED',
        });
  }
}
