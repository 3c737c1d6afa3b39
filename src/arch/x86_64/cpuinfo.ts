import { CPU_WORD, CPU_WORDS } from '../../image/cpu-features.js';
import { CpuinfoX86EntryVendor, type Messages } from '../../image/generated/messages.js';
import type { Cpuid } from '../arch.js';

const VERSION = 2;
/** Of CPUID leaf 1 and others: bits that the words of the images have otherwise than the processor. */
const CPUID_BIT = 25;
const NOPL_BIT = 20;
const REP_GOOD_BIT = 16;
const OLD_3DNOW_BIT = 31;
const AMD_REP_GOOD_FAMILY = 0x10;
const INTEL_FAMILY = 6;
const CQM_LLC_BIT = 1;

const W = CPU_WORD;

/**
 * Components of XSAVE that images tell of (SDM vol. 1, 13.1), each with the bit that says that it can be used. CRIU 4.2 leaves
 * out SSE, which is always there, and the first one of MPX, and refuses an image that has them.
 */
const COMPONENTS: readonly (readonly [component: number, word: number, bit: number])[] = [
  [0, W.LEAF_1_EDX, 0],
  [2, W.LEAF_1_ECX, 28],
  [4, W.LEAF_7_EBX, 14],
  [5, W.LEAF_7_EBX, 16],
  [6, W.LEAF_7_EBX, 16],
  [7, W.LEAF_7_EBX, 16],
  [9, W.LEAF_7_ECX, 3],
];

/** cpuinfo.img of the processor that crit runs on. Intel SDM vol. 2 and AMD APM vol. 3: CPUID. */
export function cpuinfoOf(cpuid: Cpuid): Messages['cpuinfo_entry'] {
  const words = new Uint32Array(CPU_WORDS.get(VERSION)!);
  const basic = cpuid(0, 0);
  const extended = cpuid(0x80000000, 0)[0]!;
  const leaf = (number: number, sub = 0): Uint32Array =>
    number <= (number >= 0x80000000 ? extended : basic[0]!) ? cpuid(number, sub) : new Uint32Array(4);
  const vendor = vendorOf(text([basic[1]!, basic[3]!, basic[2]!]));
  const [signature = 0, , ecx1 = 0, edx1 = 0] = leaf(1);
  const { family, model, stepping } = signatureOf(signature);
  words[W.LEAF_1_ECX] = ecx1;
  words[W.LEAF_1_EDX] = vendor === CpuinfoX86EntryVendor.AMD ? edx1 & ~(1 << OLD_3DNOW_BIT) : edx1;
  words[W.LEAF_6_EAX] = leaf(6)[0]!;
  const leaf7 = leaf(7);
  words[W.LEAF_7_EBX] = leaf7[1]!;
  words[W.LEAF_7_ECX] = leaf7[2]!;
  words[W.LEAF_7_EDX] = leaf7[3]!;
  words[W.LEAF_D_1_EAX] = leaf(0xd, 1)[0]!;
  words[W.LEAF_F_0_EDX] = leaf(0xf)[3]!;
  if (words[W.LEAF_F_0_EDX]! & (1 << CQM_LLC_BIT)) words[W.LEAF_F_1_EDX] = leaf(0xf, 1)[3]!;
  const amd = leaf(0x80000001);
  words[W.LEAF_80000001_ECX] = amd[2]!;
  words[W.LEAF_80000001_EDX] = amd[3]!;
  words[W.LEAF_80000007_EBX] = leaf(0x80000007)[1]!;
  words[W.LEAF_80000008_EBX] = leaf(0x80000008)[1]!;
  words[W.LEAF_8000000A_EDX] = leaf(0x8000000a)[3]!;
  // what is always there on x86-64 has bits of Linux's own
  const fastStrings = vendor === CpuinfoX86EntryVendor.INTEL ? family === INTEL_FAMILY : family >= AMD_REP_GOOD_FAMILY;
  words[W.LINUX_1] = (1 << CPUID_BIT) | (1 << NOPL_BIT) | (fastStrings ? 1 << REP_GOOD_BIT : 0);
  const xsave = leaf(0xd);
  const name = text([0x80000002, 0x80000003, 0x80000004].flatMap((number) => [...leaf(number)]));
  return {
    x86_entry: [
      {
        vendor_id: vendor,
        cpu_family: family,
        model,
        stepping,
        capability_ver: VERSION,
        capability: [...words],
        ...(name && { model_id: name }),
        xfeatures_mask: componentsOf(xsave[0]!, words),
        xsave_size: xsave[1]!,
        xsave_size_max: xsave[2]!,
      },
    ],
  };
}

function vendorOf(name: string): number {
  if (name === 'GenuineIntel') return CpuinfoX86EntryVendor.INTEL;
  return name === 'AuthenticAMD' || name === 'HygonGenuine' ? CpuinfoX86EntryVendor.AMD : CpuinfoX86EntryVendor.UNKNOWN;
}

/** Family, model and stepping of CPUID leaf 1, eax. */
function signatureOf(eax: number): { family: number; model: number; stepping: number } {
  const base = (eax >>> 8) & 0xf;
  const family = base === 0xf ? base + ((eax >>> 20) & 0xff) : base;
  const model = (eax >>> 4) & 0xf;
  return { family, model: family >= 6 ? model | (((eax >>> 16) & 0xf) << 4) : model, stepping: eax & 0xf };
}

/** Four characters a register; some processors fill with blanks from the left. */
function text(registers: readonly number[]): string {
  return Buffer.from(Uint32Array.from(registers).buffer).toString('latin1').replace(/\0.*$/s, '').trimStart();
}

/** @param known what the processor knows of XSAVE's first 32 components */
function componentsOf(known: number, words: Uint32Array): bigint {
  const usable = COMPONENTS.filter(([component, word, bit]) => (known >>> component) & 1 && (words[word]! >>> bit) & 1);
  return BigInt(usable.reduce((mask, [component]) => mask | (1 << component), 0));
}
