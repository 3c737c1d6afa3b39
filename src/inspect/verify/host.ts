import { closeSync, constants, existsSync, openSync, readFileSync, statSync } from 'node:fs';
import { imageFileName } from '../../image/catalogue.js';
import { CoreEntryMarch, type RegFileEntry } from '../../image/generated/messages.js';
import { NAMESPACES } from '../../image/namespaces.js';
import { pathBuffer } from '../../image/path-bytes.js';
import { whyFailed } from '../../image/system-words.js';
import { readBuildId, sameBuildId } from '../../kernel/build-id.js';
import { readPidMax } from '../../kernel/proc/last-pid.js';
import { readStatus } from '../../kernel/proc/status.js';
import { hasCapability } from '../../kernel/uapi/capability.js';
import type { CheckedSet } from './checked-set.js';
import type { Rule } from './finding.js';
import { hostPortRules } from './host-ports.js';
import { ownNamespaces } from './namespaces.js';

const octal = (mode: number) => `0${mode.toString(8)}`;

/** What differs between a file of this machine and the one that was dumped. */
function changes({ name, mode, size, build_id }: RegFileEntry): string[] {
  const path = pathBuffer(name);
  const stat = statSync(path, { bigint: true });
  const out: string[] = [];
  if (mode !== undefined && Number(stat.mode) !== mode)
    out.push(`has mode ${octal(Number(stat.mode))}, when it was dumped it had ${octal(mode)}`);
  if (!stat.isFile()) return out;
  if (size !== undefined && stat.size !== size) out.push(`has ${stat.size} bytes, when it was dumped it had ${size}`);
  else if (build_id?.length) {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    try {
      if (!sameBuildId(build_id, readBuildId(fd, Number(stat.size))))
        out.push('has another build-id than when it was dumped: another build of the program or library');
    } finally {
      closeSync(fd);
    }
  }
  return out;
}

/** Whether names of the set are looked up in the root of this machine. */
const sameRoot = (set: CheckedSet): boolean => !ownNamespaces(set).has('mnt');

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

function cpuFlags(): { flags: Set<string>; vendor: string } {
  const text = readFileSync('/proc/cpuinfo', 'utf8');
  const field = (name: string) => new RegExp(`^${name}\\s*: (.*)$`, 'm').exec(text)?.[1] ?? '';
  return { flags: new Set(field('flags').split(' ')), vendor: field('vendor_id') };
}

const VENDORS: Readonly<Record<number, string | undefined>> = { 1: 'GenuineIntel', 2: 'AuthenticAMD' };

/** The set and this machine (--host). */
export const hostRules: readonly Rule[] = [
  {
    code: 'V_HOST_SYSTEM',
    severity: 'error',
    checks: 'this is Linux, with the kinds of namespaces that the set has',
    todo: 'restore on a machine that has them',
    walk: (set, report) => {
      if (process.platform !== 'linux') {
        report({ image: imageFileName('INVENTORY') }, `this is ${process.platform}, checkpoints are of Linux`);
        return;
      }
      for (const kind of ownNamespaces(set).keys())
        if (!existsSync(`/proc/self/ns/${kind}`))
          report({ image: `/proc/self/ns/${kind}` }, `this kernel has no ${NAMESPACES[kind].name} namespaces`);
    },
  },
  {
    code: 'V_HOST_RIGHTS',
    severity: 'error',
    checks: 'who restores has the rights of root',
    todo: 'run the restore as root',
    walk: (_set, report) => {
      if (process.platform !== 'linux' || hasCapability(readStatus(process.pid).capEff, 'CAP_SYS_ADMIN')) return;
      report({ image: '/proc/self/status', field: 'CapEff' }, 'there is no CAP_SYS_ADMIN');
    },
  },
  {
    code: 'V_HOST_PID',
    severity: 'error',
    checks: 'pids and tids of the set are free here',
    todo: 'end the process that has the number, or restore in a pid namespace of its own (unshare -pf --mount-proc)',
    walk: (set, report) => {
      if (process.platform !== 'linux' || ownNamespaces(set).has('pid')) return;
      const max = readPidMax();
      for (const { entry, index } of set.tasks)
        for (const tid of new Set([entry.pid, ...(entry.threads ?? [])])) {
          const place = { image: imageFileName('PSTREE'), entry: index, field: tid === entry.pid ? 'pid' : 'threads' };
          if (tid >= max)
            report({ ...place, todo: 'raise kernel.pid_max' }, `pid ${tid} cannot be had here (pid_max is ${max})`);
          else if (existsSync(`/proc/${tid}`)) report(place, `pid ${tid} is in use here`);
        }
    },
  },
  {
    code: 'V_HOST_FILE',
    severity: 'error',
    checks: 'files that were open or mapped are here, with the mode, size and build-id that they had',
    todo: 'put back the file of that time (`--file-validation none`, of crit only, restores with another size or build-id)',
    walk: (set, report) => {
      if (process.platform !== 'linux' || !sameRoot(set)) return;
      const remapped = new Set((set.keep('REMAP_FPATH') ?? []).map(({ orig_id }) => orig_id));
      for (const { file, message } of set.of('reg')) {
        if (message.ext || remapped.has(file.id) || !set.used.has(file.id) || !message.name.startsWith('/')) continue;
        try {
          for (const change of changes(message)) report({ image: message.name }, change);
        } catch (error) {
          const { code } = error as NodeJS.ErrnoException;
          if (code === 'ENOENT' || code === 'ENOTDIR')
            report({ image: message.name }, 'is not here, the images refer to it');
          else report({ image: message.name }, `cannot be looked at: ${whyFailed(error)}`);
        }
      }
    },
  },
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
  ...hostPortRules,
];

let read: ReturnType<typeof cpuFlags> | undefined;
const cpu = () => (read ??= cpuFlags());
