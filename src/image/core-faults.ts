import type { CoreEntry } from './generated/messages.js';
import { bytesOfString } from './utf8.js';

/** linux/sched.h: TASK_COMM_LEN, less its NUL. */
const COMM_BYTES = 15;
/** linux/limits.h */
const NGROUPS_MAX = 65536;

/** As stat and status of /proc spell a name: CRIU takes tc.comm from there, thread_core.comm from a file that does not. */
const escaped = (name: string): string => name.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');

/** A process has its name twice in the images. Whoever edits one of the two would not see which of them counts. */
export function nameFault({ tc, thread_core }: CoreEntry): string | undefined {
  const name = tc?.comm;
  const again = thread_core?.comm;
  if (name === undefined || again === undefined || name === again || name === escaped(again)) return undefined;
  return `tc.comm is ${JSON.stringify(name)} and thread_core.comm is ${JSON.stringify(again)}: both are the name of this process, change both`;
}

/** A longer name the kernel would cut in silence. */
export function commFault({ tc, thread_core }: CoreEntry): string | undefined {
  const [field, comm] = thread_core?.comm ? ['thread_core.comm', thread_core.comm] : ['tc.comm', tc?.comm];
  const bytes = comm === undefined ? 0 : (bytesOfString(comm) ?? Buffer.from(comm)).length;
  if (bytes <= COMM_BYTES) return undefined;
  return `${field}: ${JSON.stringify(comm!.slice(0, 40))} has ${bytes} bytes, ${COMM_BYTES} are the most`;
}

/** More groups the kernel refuses. */
export function groupsFault({ thread_core }: CoreEntry): string | undefined {
  const groups = thread_core?.creds?.groups?.length ?? 0;
  return groups > NGROUPS_MAX ? `${groups} supplementary groups, ${NGROUPS_MAX} are the most` : undefined;
}

/** A soft limit is within its hard limit. @param show how a limit is written */
export function limitFault(
  { cur, max }: { readonly cur: bigint; readonly max: bigint },
  show: (limit: bigint) => string,
): string | undefined {
  return cur > max ? `cur is ${show(cur)}, more than max, ${show(max)}` : undefined;
}
