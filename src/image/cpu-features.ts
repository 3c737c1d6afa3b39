import type { Messages } from './generated/messages.js';

type CpuX86 = NonNullable<Messages['cpuinfo_entry']['x86_entry']>[number];

/** What --cpu-cap compares: state that XSAVE saves, instructions, or every bit. criu(8) */
export const CPU_CAPS = ['fpu', 'ins', 'cpu'] as const;
export type CpuCap = (typeof CPU_CAPS)[number];

/** Words of cpuinfo_x86_entry.capability, as the kernel numbered them: arch/x86/include/asm/cpufeature.h, Linux 4.x. */
export const CPU_WORD = {
  LEAF_1_EDX: 0,
  LEAF_80000001_EDX: 1,
  LINUX_1: 3,
  LEAF_1_ECX: 4,
  LEAF_80000001_ECX: 6,
  LEAF_7_EBX: 9,
  LEAF_D_1_EAX: 10,
  LEAF_7_ECX: 11,
  LEAF_F_1_EDX: 12,
  LEAF_80000008_EBX: 13,
  LEAF_6_EAX: 14,
  LEAF_8000000A_EDX: 15,
  LEAF_F_0_EDX: 16,
  LEAF_80000007_EBX: 17,
  LEAF_7_EDX: 18,
} as const;

/** How many words each capability_ver has. */
export const CPU_WORDS: ReadonlyMap<number, number> = new Map([
  [1, 12],
  [2, 19],
]);

type Names = Readonly<Record<number, string>>;

/** Bits of instructions that a program can use, under their names in /proc/cpuinfo. Intel SDM vol. 2 (CPUID), AMD APM vol. 3. */
const INSTRUCTIONS: Readonly<Record<number, Names>> = {
  [CPU_WORD.LEAF_1_EDX]: {
    0: 'fpu',
    4: 'tsc',
    8: 'cx8',
    11: 'sep',
    15: 'cmov',
    19: 'clflush',
    23: 'mmx',
    24: 'fxsr',
    25: 'sse',
    26: 'sse2',
  },
  [CPU_WORD.LEAF_80000001_EDX]: { 11: 'syscall', 22: 'mmxext', 27: 'rdtscp', 30: '3dnowext', 31: '3dnow' },
  [CPU_WORD.LINUX_1]: { 16: 'rep_good', 20: 'nopl' },
  [CPU_WORD.LEAF_1_ECX]: {
    0: 'pni',
    1: 'pclmulqdq',
    3: 'monitor',
    9: 'ssse3',
    12: 'fma',
    13: 'cx16',
    19: 'sse4_1',
    20: 'sse4_2',
    22: 'movbe',
    23: 'popcnt',
    25: 'aes',
    26: 'xsave',
    27: 'osxsave',
    28: 'avx',
    29: 'f16c',
    30: 'rdrand',
  },
  [CPU_WORD.LEAF_80000001_ECX]: {
    5: 'abm',
    6: 'sse4a',
    7: 'misalignsse',
    8: '3dnowprefetch',
    11: 'xop',
    16: 'fma4',
    21: 'tbm',
  },
  [CPU_WORD.LEAF_7_EBX]: {
    0: 'fsgsbase',
    3: 'bmi1',
    4: 'hle',
    5: 'avx2',
    8: 'bmi2',
    9: 'erms',
    11: 'rtm',
    14: 'mpx',
    16: 'avx512f',
    17: 'avx512dq',
    18: 'rdseed',
    19: 'adx',
    21: 'avx512ifma',
    23: 'clflushopt',
    24: 'clwb',
    26: 'avx512pf',
    27: 'avx512er',
    28: 'avx512cd',
    29: 'sha_ni',
    30: 'avx512bw',
    31: 'avx512vl',
  },
  [CPU_WORD.LEAF_D_1_EAX]: { 0: 'xsaveopt', 1: 'xsavec', 2: 'xgetbv1' },
  [CPU_WORD.LEAF_7_ECX]: {
    1: 'avx512vbmi',
    6: 'avx512_vbmi2',
    8: 'gfni',
    9: 'vaes',
    10: 'vpclmulqdq',
    11: 'avx512_vnni',
    12: 'avx512_bitalg',
    14: 'avx512_vpopcntdq',
    22: 'rdpid',
    27: 'movdiri',
    28: 'movdir64b',
  },
  [CPU_WORD.LEAF_80000008_EBX]: { 0: 'clzero' },
  [CPU_WORD.LEAF_7_EDX]: { 2: 'avx512_4vnniw', 3: 'avx512_4fmaps', 8: 'avx512_vp2intersect' },
};

/** Bits that /proc/cpuinfo does not tell of: the kernel's own, and MPX, which Linux does not know any more. */
const NOT_IN_PROC: ReadonlySet<string> = new Set(['osxsave', 'mpx']);

/**
 * The instructions of cpuinfo_x86_entry.capability that a processor lacks, by the word that has them.
 * @param flags what the processor has, as /proc/cpuinfo names it
 */
export function instructionsLacking(
  capability: readonly number[],
  flags: ReadonlySet<string>,
): { readonly word: number; readonly names: readonly string[] }[] {
  return Object.entries(INSTRUCTIONS).flatMap(([index, names]) => {
    const word = capability[Number(index)] ?? 0;
    const lacking = Object.entries(names)
      .filter(([bit, name]) => (word >>> Number(bit)) & 1 && !NOT_IN_PROC.has(name) && !flags.has(name))
      .map(([, name]) => name);
    return lacking.length > 0 ? [{ word: Number(index), names: lacking }] : [];
  });
}

/** Bits without which state that a signal frame or XSAVE holds cannot be restored. */
const STATE: Readonly<Record<number, Names>> = {
  [CPU_WORD.LEAF_1_EDX]: { 0: 'fpu', 24: 'fxsr' },
  [CPU_WORD.LEAF_1_ECX]: { 27: 'osxsave' },
  [CPU_WORD.LEAF_D_1_EAX]: { 3: 'xsaves' },
};

/** What is wrong with an entry as such; undefined when it can be compared. */
export function cpuFault({ capability = [], capability_ver: version }: CpuX86): string | undefined {
  const words = CPU_WORDS.get(version);
  if (words === undefined) return `its capability_ver is ${version}: 1 and 2 are known`;
  if (capability.length !== words) return `it has ${capability.length} words of capabilities, not ${words}`;
  return undefined;
}

/**
 * What a processor lacks, or has otherwise, of the one that images were dumped on. Words and fields that an old image
 * has not are not compared.
 * @param caps what is compared @returns words for people; empty when the images can be restored there
 */
export function cpuDifferences(image: CpuX86, here: CpuX86, caps: ReadonlySet<CpuCap>): string[] {
  const was = image.capability ?? [];
  const is = here.capability ?? [];
  const lacking = (tables: Readonly<Record<number, Names>>) =>
    Object.entries(tables).flatMap(([word, names]) =>
      Object.entries(names)
        .filter(([bit]) => (was[Number(word)] ?? 0) & ~(is[Number(word)] ?? 0) & (1 << Number(bit)))
        .map(([, name]) => name),
    );
  const out: string[] = [];
  const missing = new Set([
    ...(caps.has('fpu') ? lacking(STATE) : []),
    ...(caps.has('ins') ? lacking(INSTRUCTIONS) : []),
  ]);
  if (missing.size > 0) out.push(`it has not: ${[...missing].join(', ')}`);
  if (caps.has('fpu')) {
    const components = (image.xfeatures_mask ?? 0n) & ~(here.xfeatures_mask ?? 0n);
    if (components) out.push(`XSAVE has no room there for the components 0x${components.toString(16)}`);
    for (const [field, what] of [
      ['xsave_size', 'the XSAVE area'],
      ['xsave_size_max', 'the XSAVE area of all that the processor knows'],
    ] as const)
      if (image[field] !== undefined && image[field] !== here[field])
        out.push(`${what} has ${here[field] ?? 0} bytes, where the images were made it had ${image[field]}`);
  }
  if (caps.has('cpu')) {
    const differing = was.flatMap((word, i) => (word === is[i] ? [] : [i]));
    if (differing.length > 0) out.push(`it is another processor: words ${differing.join(', ')} of its features differ`);
  }
  return out;
}
