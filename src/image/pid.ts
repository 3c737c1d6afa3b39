declare const seenBy: unique symbol;

// A number has two meanings as soon as there are pid namespaces. The mark is optional: a number that was just read or parsed
// is taken for either, one that is known to be the one is refused for the other.

/** The number of a process or thread as crit sees it: in /proc, for ptrace(2), for kill(2). */
export type Pid = number & { readonly [seenBy]?: 'crit' };

/** As the process itself and its images see it: in pstree.img, in names of images, in answers of its own system calls. */
export type ImagePid = number & { readonly [seenBy]?: 'task' };

// Trees are dumped and restored in crit's own pid namespace. Nothing but these two converts.

/** What images call a task that crit sees under this number. */
export const seenByTask = (pid: Pid): ImagePid => pid as number;

/** What crit sees of a task with this number. */
export const seenByCrit = (pid: ImagePid): Pid => pid as number;

/** What is told of a number that the kernel does not give (/proc/sys/kernel/pid_max). */
export const pidTooLarge = (pid: ImagePid, max: number): string => `pid ${pid} cannot be had here (pid_max is ${max})`;
