declare const seenBy: unique symbol;

// A number has two meanings as soon as there are pid namespaces. The mark is optional: a number that was just read or parsed
// is taken for either, one that is known to be the one is refused for the other.

/** The number of a process or thread as crit sees it: in /proc, for ptrace(2), for kill(2). */
export type Pid = number & { readonly [seenBy]?: 'crit' };

/** As the process itself and its images see it: in pstree.img, in names of images, in answers of its own system calls. */
export type ImagePid = number & { readonly [seenBy]?: 'task' };

/** What crit sees of a task with this number: trees are restored in crit's own pid namespace. Nothing else converts. */
export const seenByCrit = (pid: ImagePid): Pid => pid as number;
