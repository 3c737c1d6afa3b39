import { imageFileName } from '../../image/catalogue.js';
import { descriptorFault, fileFault, pathFault, typeName } from '../../image/file-faults.js';
import { fileField, fileMessage } from '../../image/file-kinds.js';
import { FdTypes, type FdinfoEntry } from '../../image/generated/messages.js';
import { remapOf } from '../../image/remap.js';
import type { CheckedSet } from './checked-set.js';
import { DUMP_AGAIN, type Report, type Rule } from './finding.js';

/** Descriptor tables by their ids, each with a task that has it. */
export function* tablesOf(
  set: CheckedSet,
): Generator<{ id: number; pid: number; image: string; entries: readonly FdinfoEntry[] }> {
  const seen = new Set<number>();
  for (const { tableId: id, pid, descriptors } of set.tasks) {
    if (id === undefined || seen.has(id)) continue;
    seen.add(id);
    if (descriptors) yield { id, pid, image: imageFileName('FDINFO', id), entries: descriptors };
  }
}

/** Types of which descriptors have no entry in files.img. */
const WITHOUT_FILE: readonly number[] = [FdTypes.CTL_TTY, FdTypes.AUTOFS_PIPE];

/** Reports what is wrong with an id that must be that of a file, and notes that the file is used. */
export function checkFileId(
  set: CheckedSet,
  report: Report,
  place: { image: string; entry?: number; field: string },
  id: number,
  type?: number,
): void {
  set.used.add(id);
  const file = set.fileOf(id, type);
  if (set.byId && !file) report(place, `there is no file ${id} in ${imageFileName('FILES')}`);
  else if (file && type !== undefined && file.type !== type)
    report(place, `file ${id} is a ${typeName(file.type)}, not a ${typeName(type)}`);
}

/** Tables of tasks that are alive and have no image, or an empty one. Sets of crit tell whether that is right (V_FD_COUNT). */
function absentTables(set: CheckedSet): { image: string; pid: number }[] {
  const tables = new Map<number, { image: string; pid: number }>();
  for (const { tableId, ids, pid, descriptors } of set.tasks)
    if (tableId !== undefined && ids && ids.descriptors === undefined && !descriptors?.length)
      if (!set.lost('FDINFO', tableId)) tables.set(tableId, { image: imageFileName('FDINFO', tableId), pid });
  return [...tables.values()];
}

/** Descriptors and the open files that they refer to. */
export const descriptorRules: readonly Rule[] = [
  {
    code: 'V_FD',
    severity: 'error',
    checks: 'each descriptor has a number of its own and a file of its type in files.img',
    todo: DUMP_AGAIN,
    walk: (set, report) => {
      for (const { image, entries } of tablesOf(set)) {
        const byFd = new Set<number>();
        for (const [entry, fdinfo] of entries.entries()) {
          set.used.add(fdinfo.id);
          const file = set.fileOf(fdinfo.id, fdinfo.type);
          const fault =
            set.byId && !WITHOUT_FILE.includes(fdinfo.type) ? descriptorFault(fdinfo, byFd, file) : undefined;
          if (fault) report({ image, entry, field: fault.field }, `descriptor ${fdinfo.fd}: ${fault.text}`);
          byFd.add(fdinfo.fd);
        }
      }
    },
  },
  {
    code: 'V_FD_COUNT',
    severity: 'error',
    checks: 'a descriptor table has as many descriptors as ids-PID.img says (sets of crit)',
    todo: DUMP_AGAIN,
    walk: (set, report) => {
      for (const { ids, pid, descriptors, tableId } of set.tasks) {
        const count = ids?.descriptors;
        if (count === undefined || tableId === undefined) continue;
        if (count > 0) set.mustHave('FDINFO', tableId, `task ${pid} had ${count} descriptors`);
        if (!set.lost('FDINFO', tableId) && (descriptors?.length ?? 0) !== count)
          report(
            { image: imageFileName('FDINFO', tableId) },
            `has ${descriptors?.length ?? 0} descriptors, ${imageFileName('IDS', pid)} says ${count}`,
          );
      }
    },
  },
  {
    code: 'V_FILE',
    severity: 'error',
    checks: 'each open file has an id of its own among those of its type, and the message of its type with that id',
    todo: DUMP_AGAIN,
    walk: (set, report) => {
      const known = new Set<string>();
      for (const { file, image, entry } of set.allFiles) {
        const key = `${file.type} ${file.id}`;
        const fault = fileFault(file, { has: () => known.has(key) });
        known.add(key);
        if (fault) report({ image, entry, field: fault.field }, fault.text);
        if (!fileField(file.type)) report({ image, entry, field: 'type' }, `${file.type} is no type of a file`);
        const message = fileMessage(file);
        if (message && message.id !== file.id)
          report({ image, entry, field: 'id' }, `the entry has id ${file.id}, its message ${message.id}`);
      }
    },
  },
  {
    code: 'V_FILE_PATH',
    severity: 'error',
    checks: 'a regular file has an absolute path',
    todo: 'correct the path',
    walk: (set, report) => {
      for (const { message, image, entry } of set.of('reg')) {
        const fault = pathFault(message);
        if (fault !== undefined) report({ image, entry, field: 'reg.name' }, fault);
      }
    },
  },
  {
    code: 'V_FS',
    severity: 'error',
    checks: 'the working directory and the root of a task are files of files.img',
    todo: DUMP_AGAIN,
    task: (task, report, set) => {
      const { fs } = task;
      if (!fs) return;
      const image = imageFileName('FS', task.pid);
      checkFileId(set, report, { image, entry: 0, field: 'cwd_id' }, fs.cwd_id, FdTypes.REG);
      checkFileId(set, report, { image, entry: 0, field: 'root_id' }, fs.root_id, FdTypes.REG);
    },
  },
  {
    code: 'V_REMAP',
    severity: 'error',
    checks: 'a file whose name is gone is a regular one, and what stands for it is there',
    todo: DUMP_AGAIN,
    walk: checkRemaps,
  },
];

/** These look at what is left over when all others have told what they use. */
export const tableRules: readonly Rule[] = [
  {
    code: 'V_FD_TABLE',
    severity: 'error',
    checks: 'no open file is left over where a task that is alive has no image of its descriptors',
    todo: 'bring the image from where the set was dumped; without it, dump again',
    walk: (set, report) => {
      const [table] = absentTables(set);
      if (!table) return;
      // a unix socket that nobody has accepted yet is in no table
      const stray = set.allFiles.find(({ file }) => !set.used.has(file.id) && !file.usk);
      if (stray)
        report(
          { image: table.image },
          `is not there, and file ${stray.file.id} (${typeName(stray.file.type)}) is in no table: task ${table.pid} may have had it`,
        );
    },
  },
  {
    code: 'V_FILE_UNUSED',
    severity: 'warning',
    checks: 'each open file is one that a descriptor, a mapping, a directory or a message refers to',
    todo: 'compare with another copy of the set: a descriptor may be lost',
    walk: (set, report) => {
      if (absentTables(set).length > 0 || [...set.damages.keys(), ...set.missing.keys()].length > 0) return;
      for (const { file, image, entry } of set.allFiles)
        if (!set.used.has(file.id) && !file.usk)
          report({ image, entry, field: 'id' }, `nothing refers to file ${file.id} (${typeName(file.type)})`);
    },
  },
  {
    code: 'V_FD_NONE',
    severity: 'warning',
    checks:
      'a task that is alive has descriptors: CRIU writes no image where there are none, and does not say that there were none',
    todo: 'nothing, if the process had closed all of them',
    walk: (set, report) => {
      for (const { image, pid } of absentTables(set))
        report({ image }, `task ${pid} has no descriptors, or the image was lost`);
    },
  },
];

function checkRemaps(set: CheckedSet, report: Report): void {
  const image = imageFileName('REMAP_FPATH');
  const ghosts = new Set<number>();
  for (const [entry, message] of (set.keep('REMAP_FPATH') ?? []).entries()) {
    const remap = remapOf(message);
    checkFileId(set, report, { image, entry, field: 'orig_id' }, message.orig_id, FdTypes.REG);
    if (!remap) report({ image, entry, field: 'remap_type' }, `${message.remap_type} is no way to find a file`);
    else if (remap.kind === 'ghost') {
      ghosts.add(remap.target);
      set.mustHave('GHOST_FILE', remap.target, `file ${message.orig_id} was deleted: its content is told there`);
    } else if (remap.kind === 'linked')
      checkFileId(set, report, { image, entry, field: 'remap_id' }, remap.target, FdTypes.REG);
  }
  if (set.lost('REMAP_FPATH')) return;
  for (const { file, type, id } of set.files)
    if (type === 'GHOST_FILE' && !ghosts.has(Number(id)))
      report({ image: file }, `no entry of ${image} refers to it: a deleted file will not be found`);
}
