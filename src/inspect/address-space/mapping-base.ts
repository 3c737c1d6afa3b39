import type { ImageDir } from '../../encode/image-dir.js';
import { imageFileName } from '../../image/catalogue.js';
import type { MemfdInodeEntry, MmEntry, VmaEntry } from '../../image/generated/messages.js';
import { VMA } from '../../image/vma-status.js';
import type { FileNames } from '../file-names.js';
import type { TaskVma } from '../memory.js';
import type { BackingFile, OpenFiles } from './backing-file.js';
import { mappedFile } from './mapped-file.js';
import type { Absence } from './memory-run.js';
import type { PageTable } from './page-table.js';

/** What is in a mapping where the task's own pages are not. */
export type MappingBase =
  | { readonly kind: 'zero' }
  | { readonly kind: 'pages'; readonly table: PageTable }
  | { readonly kind: 'file'; readonly file: BackingFile }
  | { readonly kind: 'none'; readonly why: Absence; readonly reason: string };

/** What the bases of a task's mappings are found with. */
export interface BaseContext {
  readonly names: FileNames;
  readonly memfds: Memfds;
  readonly files: OpenFiles;
  /** Directory below which mapped files are looked up; undefined: they are not looked up. */
  readonly root: string | undefined;
  /** The pages of shared memory. */
  readonly sharedPages: (shmid: bigint) => PageTable | undefined;
}

/** The memfds of a set, read when one is asked for. */
export class Memfds {
  readonly #images: ImageDir;
  #all: readonly MemfdInodeEntry[] | undefined;

  constructor(images: ImageDir) {
    this.#images = images;
  }

  /** @param inode as memfd_file_entry has it */
  of(inode: number | undefined): MemfdInodeEntry | undefined {
    this.#all ??= this.#images.messages('MEMFD_INODE') ?? [];
    return this.#all.find(({ inode_id }) => Number(inode_id) === inode);
  }
}

const none = (why: Absence, reason: string): MappingBase => ({ kind: 'none', why, reason });

/** Where the bytes of a mapping come from that no page of the task's own covers. */
export function mappingBase(entry: VmaEntry, context: BaseContext): MappingBase {
  const { status, shmid } = entry;
  if (status & VMA.GUARD) return none('guard', 'it is a guard page');
  if (status & (VMA.VSYSCALL | VMA.VVAR | VMA.VDSO)) return none('kernel', 'the kernel makes it');
  if (status & VMA.SOCKET) return none('kernel', 'it is the ring of a packet socket, which images do not have');
  if (status & (VMA.ANON_SHARED | VMA.SYSVIPC)) return shared(shmid, context);
  const file = context.names.file(Number(shmid));
  if (status & VMA.MEMFD || file?.memfd) return memfd(file?.memfd?.inode_id, context);
  if (status & (VMA.FILE_PRIVATE | VMA.FILE_SHARED)) {
    const found = mappedFile(context.names.regularFile(Number(shmid)), context.root, context.files);
    return typeof found === 'string' ? none('file', found) : { kind: 'file', file: found };
  }
  return status & VMA.REGULAR ? { kind: 'zero' } : none('kernel', 'the kernel makes it');
}

function shared(shmid: bigint, { sharedPages }: BaseContext): MappingBase {
  const table = sharedPages(shmid);
  return table
    ? { kind: 'pages', table }
    : none('lost', `${imageFileName('SHMEM_PAGEMAP', shmid)} is not there, or cannot be read`);
}

function memfd(inode: number | undefined, context: BaseContext): MappingBase {
  const found = context.memfds.of(inode);
  return found
    ? shared(BigInt(found.shmid), context)
    : none('lost', `${imageFileName('MEMFD_INODE')} does not have the memfd`);
}

/** Whether a task's own pages lie over what is mapped. */
export const hasOwnPages = ({ status }: VmaEntry): boolean =>
  (status & (VMA.FILE_SHARED | VMA.ANON_SHARED | VMA.SYSVIPC | VMA.SOCKET)) === 0;

/** As /proc/PID/maps names a mapping; '' when it has no name. */
export function mappingName(
  { kind, path, status, start, end }: TaskVma,
  entry: VmaEntry,
  mm: MmEntry,
  { memfds, names }: BaseContext,
): string {
  if (status & VMA.VVAR) return '[vvar]';
  const memfd = kind === 'file' ? names.file(Number(entry.shmid))?.memfd : undefined;
  if (memfd) {
    // shared anonymous memory is a memfd to CRIU
    const name = memfds.of(memfd.inode_id)?.name ?? '';
    return name === '/dev/zero' ? '/dev/zero (deleted)' : `/memfd:${name} (deleted)`;
  }
  switch (kind) {
    case 'stack':
    case 'vsyscall':
    case 'vdso':
      return `[${kind}]`;
    case 'file':
      return path ?? '';
    case 'shmem':
      return '/dev/zero (deleted)';
    case 'sysvipc':
      return `/SYSV${entry.shmid}`;
    case 'packet':
      return 'socket:';
    default:
      // images seldom have a status for these two: the kernel's own rule (fs/proc/task_mmu.c)
      if (start <= mm.mm_start_stack && mm.mm_start_stack < end) return '[stack]';
      return status & VMA.HEAP || (start < mm.mm_brk && end > mm.mm_start_brk) ? '[heap]' : '';
  }
}
