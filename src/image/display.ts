import { INET_PROTOCOL, SOCKET_FAMILY, SOCKET_STATE, SOCKET_TYPE } from './socket-names.js';

/** Names of bits, in the order in which they are printed. */
export type FlagMap = readonly (readonly [name: string, bits: number])[];
/** Words for numbers. */
export type WordMap = ReadonlyMap<number, string>;

/** Bits by the name that a field's `(criu).flags` gives. The values are those of x86_64 and of CRIU's own statuses. */
export const FLAG_MAPS: Readonly<Record<string, FlagMap | undefined>> = {
  // mmap(2)
  'mmap.prot': [
    ['PROT_READ', 0x1],
    ['PROT_WRITE', 0x2],
    ['PROT_EXEC', 0x4],
  ],
  'mmap.flags': [
    ['MAP_SHARED', 0x1],
    ['MAP_PRIVATE', 0x2],
    ['MAP_DROPPABLE', 0x8],
    ['MAP_ANON', 0x20],
    ['MAP_GROWSDOWN', 0x100],
  ],
  // vma_entry.status: see vma-status.ts
  'mmap.status': [
    ['VMA_AREA_NONE', 0],
    ['VMA_AREA_REGULAR', 0x1],
    ['VMA_AREA_STACK', 0x2],
    ['VMA_AREA_VSYSCALL', 0x4],
    ['VMA_AREA_VDSO', 0x8],
    ['VMA_AREA_HEAP', 0x20],
    ['VMA_FILE_PRIVATE', 0x40],
    ['VMA_FILE_SHARED', 0x80],
    ['VMA_ANON_SHARED', 0x100],
    ['VMA_ANON_PRIVATE', 0x200],
    ['VMA_AREA_SYSVIPC', 0x400],
    ['VMA_AREA_SOCKET', 0x800],
    ['VMA_AREA_VVAR', 0x1000],
    ['VMA_AREA_AIORING', 0x2000],
    ['VMA_AREA_MEMFD', 0x4000],
    ['VMA_AREA_SHSTK', 0x8000],
    ['VMA_AREA_UPROBES', 0x20000],
    ['VMA_UNSUPP', 0x80000000],
  ],
  // open(2); asm-generic/fcntl.h
  'rfile.flags': [
    ['O_WRONLY', 0o1],
    ['O_RDWR', 0o2],
    ['O_CREAT', 0o100],
    ['O_EXCL', 0o200],
    ['O_NOCTTY', 0o400],
    ['O_TRUNC', 0o1000],
    ['O_APPEND', 0o2000],
    ['O_NONBLOCK', 0o4000],
    ['O_DSYNC', 0o10000],
    ['FASYNC', 0o20000],
    ['O_DIRECT', 0o40000],
    ['O_LARGEFILE', 0o100000],
    ['O_DIRECTORY', 0o200000],
    ['O_NOFOLLOW', 0o400000],
    ['O_NOATIME', 0o1000000],
    ['O_CLOEXEC', 0o2000000],
  ],
  // pagemap_entry.flags: see vma-status.ts
  'pmap.flags': [
    ['PE_PARENT', 0x1],
    ['PE_LAZY', 0x2],
    ['PE_PRESENT', 0x4],
  ],
  // fcntl(2), F_ADD_SEALS
  'seals.flags': [
    ['F_SEAL_SEAL', 0x1],
    ['F_SEAL_SHRINK', 0x2],
    ['F_SEAL_GROW', 0x4],
    ['F_SEAL_WRITE', 0x8],
    ['F_SEAL_FUTURE_WRITE', 0x10],
  ],
};

const words = (entries: Readonly<Record<number, string>>, known: (word: string) => boolean = () => true): WordMap =>
  new Map(
    Object.entries(entries)
      .filter(([, word]) => known(word))
      .map(([number, word]) => [Number(number), word]),
  );

/** Words for the values of a field, by the name that `(criu).dict` gives and the field's name. */
export const DICTS: Readonly<Record<string, Readonly<Record<string, WordMap | undefined>> | undefined>> = {
  // The words of the Python crit, which has two of them the wrong way round: 3 is stopped, 6 a zombie (task-state.ts).
  gen: { task_state: words({ 1: 'Alive', 3: 'Zombie', 6: 'Stopped' }) },
  // The Python crit knows less of states and protocols than socket-names.ts.
  sk: {
    family: words(SOCKET_FAMILY),
    type: words(SOCKET_TYPE),
    state: words(SOCKET_STATE, (state) => state !== 'CLOSING'),
    proto: words(INET_PROTOCOL, (protocol) => ['IP', 'TCP', 'UDP', 'UDPLITE'].includes(protocol)),
  },
};
