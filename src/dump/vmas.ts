import { CritError } from '../image/errors.js';
import type { Messages } from '../image/generated/messages.js';
import { VMA } from '../image/vma-status.js';
import { TASK_SIZE } from '../arch/index.js';
import type { MapEntry } from '../kernel/proc/maps.js';
import {
  MAP_ANONYMOUS,
  MAP_DROPPABLE,
  MAP_GROWSDOWN,
  MAP_HUGETLB,
  MAP_LOCKED,
  MAP_NORESERVE,
  MAP_PRIVATE,
  MAP_SHARED,
} from '../kernel/uapi/mman.js';
import { O_RDONLY, O_RDWR } from '../kernel/uapi/open-flags.js';
import { makeDev } from '../kernel/uapi/stat.js';
import { isAioRing } from './aio.js';
import { IO_URING_LINK } from './files/io-uring.js';
import { hugeFlagOf } from './memory-objects.js';
import type { OpenModes } from './open-modes.js';

/** VmFlags mnemonics (Documentation/filesystems/proc.rst) and the mmap flag each stands for. */
const FLAG_OF: Record<string, number> = {
  gd: MAP_GROWSDOWN,
  lo: MAP_LOCKED,
  nr: MAP_NORESERVE,
  ht: MAP_HUGETLB,
  dp: MAP_DROPPABLE,
};
/** VmFlags mnemonics and the madvise(2) number whose bit in vma_entry.madv each stands for. */
const ADVICE_OF: Record<string, number> = { sr: 2, rr: 1, dc: 10, dd: 16, mg: 12, hg: 14, nh: 15, wf: 18 };

/** Mappings that crit cannot bring back, by the VmFlag that tells them. */
const REFUSED: Record<string, string> = {
  ss: 'a shadow stack',
  um: 'a userfaultfd registration (missing pages)',
  uw: 'a userfaultfd registration (write protection)',
  ui: 'a userfaultfd registration (minor faults)',
};

/** Where the kernel runs the instructions that uprobes stand on; made when the first one is hit. */
export const UPROBES = '[uprobes]';

/** A mapping of the dumped task together with what its pages need. */
export interface DumpVma {
  entry: Messages['vma_entry'];
  /** Its private pages go into the task's pagemap. */
  hasPages: boolean;
  /** All its pages are dumped, though they belong to a file of the kernel's: [vdso], the ring of an AIO context. */
  whole: boolean;
}

/** The file of a mapping, in the dump. */
export interface MappedFile {
  id: number;
  /** A memfd, or what a shared anonymous mapping is made of. */
  memfd: boolean;
  /** What tells the size of its pages in mmap flags (MAP_HUGE_2MB); 0 for the usual size. */
  hugeFlag: number;
}

function unsupported(pid: number, map: MapEntry, what: string): CritError {
  const where = `process ${pid}, mapping ${map.start.toString(16)}-${map.end.toString(16)} ${map.path}`.trimEnd();
  return new CritError(`${where}: ${what}`, { code: 'UNSUPPORTED' });
}

/** What VmFlags mean for a dump. */
interface Traits {
  readonly flags: number;
  readonly madv: bigint;
  /** Memory that is not the kernel's to copy: a device's. */
  readonly foreign: boolean;
  /** mseal(2) */
  readonly sealed: boolean;
  /** mlock2(2), MLOCK_ONFAULT */
  readonly onFault: boolean;
  readonly refused: string | undefined;
}

/** Mappings share their sets of flags, of which a process has a dozen. */
const known = new WeakMap<ReadonlySet<string>, Traits>();

function traitsOf(vmFlags: ReadonlySet<string>): Traits {
  let traits = known.get(vmFlags);
  if (!traits) {
    let flags = 0;
    let madv = 0n;
    for (const flag of vmFlags) {
      flags |= FLAG_OF[flag] ?? 0;
      const advice = ADVICE_OF[flag];
      if (advice !== undefined) madv |= 1n << BigInt(advice);
    }
    const refused = [...vmFlags].map((flag) => REFUSED[flag]).find((what) => what !== undefined);
    const foreign = vmFlags.has('io') || vmFlags.has('pf');
    known.set(
      vmFlags,
      (traits = { flags, madv, foreign, sealed: vmFlags.has('sl'), onFault: vmFlags.has('lf'), refused }),
    );
  }
  return traits;
}

/**
 * The vma_entry records of a task as CRIU writes them: adjacent [vvar] parts are one, a shared anonymous mapping is a
 * memfd named /dev/zero.
 * @param modes how mapped files were opened
 * @param fileId the id of a mapping's file in the dump
 * @param segmentOf the id of the System V shared memory segment that is mapped
 * @param uprobes whether a mapping of uprobes may be left out
 * @param ringOf is told of the mapping of an io_uring, whose shmid is not known yet
 * @throws CritError UNSUPPORTED naming the mapping
 */
export function describeVmas(
  pid: number,
  maps: readonly MapEntry[],
  modes: OpenModes,
  fileId: (map: MapEntry) => MappedFile,
  segmentOf: (map: MapEntry) => number,
  uprobes: boolean,
  ringOf: (map: MapEntry, entry: Messages['vma_entry']) => void,
): DumpVma[] {
  const vmas: DumpVma[] = [];
  for (const map of maps) {
    const traits = traitsOf(map.vmFlags);
    const { foreign } = traits;
    let { madv } = traits;
    if (map.end > TASK_SIZE && map.path !== '[vsyscall]')
      throw unsupported(pid, map, 'a mapping beyond 47 bits of address (page tables of five levels) is not supported');
    if (traits.refused) throw unsupported(pid, map, `${traits.refused} is not supported yet`);
    let flags = (map.shared ? MAP_SHARED : MAP_PRIVATE) | traits.flags;
    if (flags & MAP_DROPPABLE) flags &= ~MAP_PRIVATE;
    let status: number = VMA.REGULAR;
    let shmid = 0n;
    let fdflags: number | undefined;
    let pgoff = 0n;
    const vvar = map.path === '[vvar]' || map.path === '[vvar_vclock]';
    const vdso = map.path === '[vdso]';
    const aio = isAioRing(map);
    if (vvar) {
      const last = vmas.at(-1);
      if (last && last.entry.status & VMA.VVAR && last.entry.end === map.start) {
        last.entry.end = map.end;
        continue;
      }
      status |= VMA.VVAR | VMA.ANON_PRIVATE;
      // What the kernel's own flags would add says nothing about the program.
      madv = 1n << 16n;
      flags = MAP_PRIVATE | MAP_ANONYMOUS;
    } else if (vdso) {
      status |= VMA.VDSO | VMA.ANON_PRIVATE;
      flags = MAP_PRIVATE | MAP_ANONYMOUS;
      madv = 0n;
    } else if (map.path === '[vsyscall]') {
      status = VMA.VSYSCALL | VMA.ANON_PRIVATE;
      flags = MAP_PRIVATE | MAP_ANONYMOUS;
      madv = 0n;
    } else if (map.path === UPROBES) {
      if (!uprobes) throw unsupported(pid, map, 'uprobes were hit here: use --allow-uprobes');
      // the kernel makes it where the next one is hit
      continue;
    } else if (map.path === '[uprobes-trampoline]') {
      // code of the program jumps into it
      throw unsupported(pid, map, 'a trampoline of uprobes (USDT) is not supported');
    } else if (foreign && !map.shared) {
      throw unsupported(pid, map, 'a device mapping is not supported');
    } else if (map.shared && map.devMajor === 0 && map.path.startsWith('/SYSV')) {
      // its inode is the segment's id, which may be 0
      shmid = BigInt(segmentOf(map));
      flags |= MAP_ANONYMOUS;
      status |= VMA.ANON_SHARED | VMA.SYSVIPC;
      pgoff = map.offset;
      fdflags = map.vmFlags.has('mw') ? O_RDWR : O_RDONLY;
    } else if (aio) {
      status = VMA.AIORING;
    } else if (map.shared && map.path === IO_URING_LINK) {
      status |= VMA.FILE_SHARED;
      pgoff = map.offset;
    } else if (map.inode !== 0n && (map.shared || !map.path.startsWith('/anon_hugepage'))) {
      if (map.path.startsWith('socket:') || map.path.startsWith('anon_inode:'))
        throw unsupported(pid, map, `a mapping of ${map.path} is not supported yet`);
      const file = fileId(map);
      status |= map.shared ? VMA.FILE_SHARED : VMA.FILE_PRIVATE;
      if (file.memfd) status |= VMA.MEMFD;
      flags |= file.hugeFlag;
      shmid = BigInt(file.id);
      pgoff = map.offset;
      fdflags = modes.of(pid, map);
    } else {
      flags |= MAP_ANONYMOUS;
      status |= map.shared ? VMA.ANON_SHARED : VMA.ANON_PRIVATE;
      if (map.path === '[heap]') status |= VMA.HEAP;
      if (flags & MAP_HUGETLB) flags |= hugeFlagOf({ dev: makeDev(map.devMajor, map.devMinor) });
    }
    const entry: Messages['vma_entry'] = {
      start: map.start,
      end: map.end,
      pgoff,
      shmid,
      prot: map.prot,
      flags,
      status: status >>> 0,
      fd: -1n,
    };
    if (map.shared && map.path === IO_URING_LINK) ringOf(map, entry);
    if (madv) entry.madv = madv;
    if (fdflags !== undefined) entry.fdflags = fdflags;
    if (traits.onFault && flags & MAP_LOCKED) entry.locked_on_fault = true;
    // the kernel seals its own mappings itself, where it does
    if (traits.sealed && !vvar && !(status & (VMA.VDSO | VMA.VSYSCALL))) entry.sealed = true;
    vmas.push({
      entry,
      // Droppable memory may be gone at any time: a restored process must not go on with the random state of another.
      hasPages:
        aio || (!map.shared && !vvar && status !== (VMA.VSYSCALL | VMA.ANON_PRIVATE) && !(flags & MAP_DROPPABLE)),
      whole: vdso || aio,
    });
  }
  return vmas;
}
