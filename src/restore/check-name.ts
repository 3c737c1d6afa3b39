import type { Messages } from '../image/generated/messages.js';

/** As stat and status of /proc spell a name: CRIU takes tc.comm from there, thread_core.comm from a file that does not. */
const escaped = (name: string): string => name.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');

/**
 * A process has its name twice in the images. Whoever edits one of the two would not see which of them counts.
 * @param bad is told what is wrong
 */
export function checkName({ tc, thread_core }: Messages['core_entry'], bad: (what: string) => void): void {
  const name = tc?.comm;
  const again = thread_core?.comm;
  if (name === undefined || again === undefined || name === again || name === escaped(again)) return;
  bad(
    `tc.comm is ${JSON.stringify(name)} and thread_core.comm is ${JSON.stringify(again)}: both are the name of this process, change both`,
  );
}
