import { readFileSync } from 'node:fs';
import { imageFileName } from '../../image/catalogue.js';
import { instructionsLacking } from '../../image/cpu-features.js';
import { CoreEntryMarch } from '../../image/generated/messages.js';
import type { Rule } from './finding.js';

/** XSAVE components (SDM volume 1, 13.1), and the flag of /proc/cpuinfo that tells that they are there. */
const COMPONENTS: readonly (readonly [bit: bigint, flag: string])[] = [
  [2n, 'avx'],
  [5n, 'avx512f'],
  [6n, 'avx512f'],
  [7n, 'avx512f'],
  [9n, 'ospke'],
  [17n, 'amx_tile'],
  [18n, 'amx_tile'],
];

const VENDORS: Readonly<Record<number, string | undefined>> = { 1: 'GenuineIntel', 2: 'AuthenticAMD' };

function cpuFlags(): { flags: Set<string>; vendor: string } {
  const text = readFileSync('/proc/cpuinfo', 'utf8');
  const field = (name: string) => new RegExp(`^${name}\\s*: (.*)$`, 'm').exec(text)?.[1] ?? '';
  return { flags: new Set(field('flags').split(' ')), vendor: field('vendor_id') };
}

let read: ReturnType<typeof cpuFlags> | undefined;
const cpu = () => (read ??= cpuFlags());

/** The processor of this machine. */
export const hostProcessorRules: readonly Rule[] = [
  {
    code: 'V_HOST_CPU',
    severity: 'error',
    checks: 'this processor has the registers that were in use, and the maker that the set tells',
    todo: 'restore on such a processor',
    task: (task, report) => {
      if (process.platform !== 'linux') return;
      for (const { core, image } of task.threads) {
        if (core.mtype !== CoreEntryMarch.X86_64) continue;
        const inUse = core.thread_info?.fpregs.xsave?.xstate_bv ?? 0n;
        if (process.arch !== 'x64')
          report({ image, entry: 0, field: 'mtype' }, `the images are of x86_64, this is ${process.arch}`);
        else if (inUse >> 2n !== 0n)
          for (const [bit, flag] of COMPONENTS)
            if ((inUse >> bit) & 1n && !cpu().flags.has(flag))
              report(
                { image, entry: 0, field: 'thread_info.fpregs.xsave.xstate_bv' },
                `registers of ${flag} were in use, which this processor does not have`,
              );
      }
    },
    walk: (set, report) => {
      const dumped = set.keep('CPUINFO')?.[0]?.x86_entry?.[0];
      const vendor = dumped && VENDORS[dumped.vendor_id];
      if (process.platform === 'linux' && vendor !== undefined && vendor !== cpu().vendor)
        report(
          { image: imageFileName('CPUINFO'), entry: 0, field: 'x86_entry[0].vendor_id' },
          `it was dumped on a ${vendor}, this is a ${cpu().vendor}`,
        );
    },
  },
  {
    code: 'V_HOST_CPU_FLAGS',
    severity: 'warning',
    checks: 'this processor has the instructions that the one of the dump had (cpuinfo.img)',
    todo: 'restore on such a processor, if programs of the tree use them: each learns what there is when it starts',
    walk: (set, report) => {
      const words = set.keep('CPUINFO')?.[0]?.x86_entry?.[0]?.capability;
      if (!words || process.platform !== 'linux' || process.arch !== 'x64') return;
      for (const { word, names } of instructionsLacking(words, cpu().flags))
        report(
          { image: imageFileName('CPUINFO'), entry: 0, field: `x86_entry[0].capability[${word}]` },
          `this processor lacks ${names.join(', ')}`,
        );
    },
  },
];
