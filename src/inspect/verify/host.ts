import { closeSync, constants, existsSync, openSync, statSync } from 'node:fs';
import { imageFileName } from '../../image/catalogue.js';
import type { RegFileEntry } from '../../image/generated/messages.js';
import { BUILD_ID_CHANGE, modeChange, sizeChange } from '../../image/file-changes.js';
import { pidTooLarge } from '../../image/pid.js';
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
import { hostProcessorRules } from './host-processor.js';
import { hostSecurityRules } from './host-security.js';
import { ownNamespaces } from './namespaces.js';

/** What differs between a file of this machine and the one that was dumped. */
function changes({ name, mode, size, build_id }: RegFileEntry): string[] {
  const path = pathBuffer(name);
  const stat = statSync(path, { bigint: true });
  const out: string[] = [];
  if (mode !== undefined && Number(stat.mode) !== mode) out.push(modeChange(mode, Number(stat.mode)));
  if (!stat.isFile()) return out;
  if (size !== undefined && stat.size !== size) out.push(sizeChange(size, stat.size));
  else if (build_id?.length) {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    try {
      if (!sameBuildId(build_id, readBuildId(fd, Number(stat.size)))) out.push(BUILD_ID_CHANGE);
    } finally {
      closeSync(fd);
    }
  }
  return out;
}

/** Whether names of the set are looked up in the root of this machine. */
const sameRoot = (set: CheckedSet): boolean => !ownNamespaces(set).has('mnt');

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
          if (tid >= max) report({ ...place, todo: 'raise kernel.pid_max' }, pidTooLarge(tid, max));
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
  ...hostProcessorRules,
  ...hostSecurityRules,
  ...hostPortRules,
];
