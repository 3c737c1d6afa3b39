import { PF_FORKNOEXEC, PF_SUPERPRIV } from '../../src/kernel/uapi/sched.js';
import type { Exception } from './compare.js';

/** Facts about a process and about each of its threads. */
const of = (names: string) => new RegExp(`^(?:root|process) \\d+(?:/thread \\d+)?/(?:${names})$`);
const ofMapping = (names: string) => new RegExp(`/mapping [^/]+/(?:${names})$`);
const ofDescriptor = (names: string) => new RegExp(`/descriptor \\d+/(?:${names})$`);

/** What differs around any dump, also one that leaves the process running: it counts, or the kernel does as it likes. */
export const ALWAYS: readonly Exception[] = [
  {
    where: of(
      'stat/(?:c?min|c?maj)flt|stat/c?[us]time|stat/c?guest_time|stat/delayacct_blkio_ticks|status/(?:non)?voluntary_ctxt_switches',
    ),
    reason: 'counts what the task did, its own part in the dump included',
  },
  { where: of('sched/.*'), reason: "the scheduler's own averages and counts; policy and priority are asked by call" },
  { where: of('stat/processor'), reason: "the scheduler's choice" },
  { where: of('arch_status/AVX512_elapsed_ms'), reason: 'a time that passes' },
  { where: of('status/SigQ'), reason: 'counts the queued signals of all processes of the user' },
  { where: of('status/(?:VmHWM|VmPeak)'), reason: "a peak: the dump's own area of memory may have been it" },
  {
    where: of('stat/rss|status/(?:VmRSS|RssAnon|RssFile|RssShmem|VmPTE|VmSwap|HugetlbPages)'),
    reason: 'which pages are in memory; their contents are compared',
  },
  {
    where: ofMapping(
      'Rss|Pss|Pss_Dirty|Pss_Anon|Pss_File|Pss_Shmem|Shared_(?:Clean|Dirty)|Private_(?:Clean|Dirty)|Referenced|Anonymous|KSM|LazyFree|AnonHugePages|ShmemPmdMapped|FilePmdMapped|Swap|SwapPss|Locked',
    ),
    reason: 'which pages are in memory; their contents are compared',
  },
  { where: of('mountinfo'), reason: 'whoever mounts something in the namespace changes it' },
  {
    where: /^process \d+\/zombie with /,
    reason: 'settings of a zombie, which nothing looks at any more',
  },
  {
    where: ofDescriptor('statx(?: of the nameless)?/atime'),
    reason: 'files are opened, mapped and read, also by the test itself',
  },
  { where: of('ksm_.*'), reason: 'which pages the kernel has merged' },
];

/** What differs after a restore besides. */
export const AFTER_RESTORE: readonly Exception[] = [
  { where: of('stat/starttime'), reason: 'a restored process starts when it is restored' },
  {
    where: /^root \d+\/(?:thread \d+\/)?(?:stat\/ppid|status\/PPid|getppid)$/,
    reason: 'the parent of the root is who restored it, or who adopts orphans',
  },
  {
    where: of('stat/flags'),
    when: ({ before, after }) => ((Number(before) ^ Number(after)) & ~(PF_FORKNOEXEC | PF_SUPERPRIV)) === 0,
    reason: 'whether the task has executed a program since it was forked, and has ever used a privilege',
  },
  {
    where: of('keyring (?:thread|process|session)'),
    when: ({ before, after }) => Number(before) > 0 && Number(after) > 0,
    reason: 'the serial number of a keyring that is made anew',
  },
  { where: of('status/FDSize'), reason: 'room in a descriptor table, which only grows' },
  {
    where: of('autogroup'),
    when: ({ before, after }) => niceOf(before) === niceOf(after),
    reason: 'the number of a scheduling group of a session; its nice value is the same',
  },
  {
    where: ofDescriptor('fdinfo/ino'),
    reason: 'an inode number of an object without a name; which are the same is compared',
  },
  {
    where: ofDescriptor('fdinfo/lock'),
    when: ({ before, after }) => {
      const [was, is] = [before, after].map((lock) => lock?.replace(/:\d+ (?=\d+ (?:EOF|\d+)$)/, ': '));
      return was === is;
    },
    reason: 'the inode number of a locked file: deleted files and pipes are made anew',
  },
  { where: ofDescriptor('SOL_SOCKET 57'), reason: 'SO_COOKIE: a number that no two sockets have' },
  {
    where: ofDescriptor('statx of the nameless/[bcm]time'),
    reason: 'pipes, sockets and the like are made when they are restored',
  },
  {
    where: ofDescriptor('F_CREATED_QUERY'),
    reason: 'whether the opening made the file: asked by who has just opened it',
  },
  {
    where: ofDescriptor('ioctl TIOCOUTQ, SIOCOUTQ|SOL_SOCKET 55|unix/send queue'),
    when: ({ before, after }) => before !== undefined && after !== undefined,
    reason: 'memory that the kernel takes for what is queued; the bytes are compared',
  },
  { where: ofDescriptor('fdinfo/map_id'), reason: 'the kernel counts BPF maps' },
  { where: ofDescriptor('fdinfo/eventfd-id'), reason: 'the kernel counts eventfds' },
  {
    where: ofDescriptor('ioctl FS_IOC_GETVERSION'),
    reason: 'the generation of an inode: deleted files are made anew',
  },
  {
    where: ofDescriptor('link'),
    when: ({ before, after }) => [before, after].every((link) => link?.endsWith(' (deleted)')),
    reason: 'the name that a deleted file had',
  },
  {
    where: ofDescriptor('fdinfo/flags|F_GETFL'),
    when: ({ before, after }) => withoutTmpfile(before) === withoutTmpfile(after),
    reason: 'O_TMPFILE: how a file without a name was made',
  },
  {
    where: of('register/orig_ax|syscall'),
    when: ({ after }) => after === '0xffffffffffffffff' || (after?.startsWith('-1 ') ?? false),
    reason: 'which call a thread has come out of, known only to its tracer',
  },
  {
    where: ofMapping('VmFlags'),
    when: ({ before, after }) => !/\bwr\b/.test(before ?? '') && before?.replace(' ac', '') === after,
    reason: 'whether memory that cannot be written is counted as committed: it is from when it can',
  },
  {
    where: ofMapping('path'),
    when: ({ before, after }) => before === '/dev/zero (deleted)' && after === '/memfd:/dev/zero (deleted)',
    reason: "the kernel's name for shared anonymous memory: the images, which are CRIU's, have it as a memfd",
  },
  {
    where: ofMapping('pages shared with the parent'),
    when: ({ before, after }) => Number(after ?? 0) >= Number(before ?? 0),
    reason: 'pages that are alike are shared, also those that were not',
  },
  {
    where: of('xstate/header'),
    reason: 'which registers the processor knows to be as after a reset; their values are compared',
  },
];

function niceOf(value: string | undefined): string | undefined {
  return /nice (-?\d+)/.exec(value ?? '')?.[1];
}

/** O_TMPFILE without O_DIRECTORY, and O_DIRECTORY, which is a part of it; flags are octal in fdinfo. */
function withoutTmpfile(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const flags = parseInt(value, value.startsWith('0') ? 8 : 10);
  return flags & 0o20000000 ? flags & ~0o20200000 : flags;
}
