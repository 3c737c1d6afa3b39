import { existsSync } from 'node:fs';
import { F_SETFL, F_SETOWN_EX, F_SETSIG, O_ASYNC } from '../../kernel/uapi/open-flags.js';
import { PR_SET_DUMPABLE } from '../../kernel/uapi/prctl.js';
import { fileMessage } from '../../image/file-kinds.js';
import type { FileEntry, FownEntry } from '../../image/generated/messages.js';
import { seenByCrit } from '../../image/pid.js';
import type { Batch } from '../../task/batch.js';
import type { Part } from '../part.js';
import type { Table } from './file-images.js';
import type { Files } from './group.js';

const KEEP = -1;

/** The part of an entry that all kinds have. */
export function ownerAndFlags(entry: FileEntry, files: Files): { fown: FownEntry; flags: number } | undefined {
  if (entry.fifo) return files.images.byId.get(entry.fifo.regf_id ?? entry.id)?.reg;
  if (entry.tunf) return files.images.paths.get(entry.id);
  const message = fileMessage(entry);
  return message && 'fown' in message && 'flags' in message ? message : undefined;
}

/** Owners and signals of all files, as a part of the restore. */
export const owners = (files: Files): Part => ({
  name: 'owners of files',
  at: {
    numbers: ({ table, b }) => {
      switchSignalsOn(files, table, b);
    },
    live: ({ b }) => {
      setOwners(files, b);
    },
  },
});

/** Gives descriptions their owners and signals (fcntl(2): F_SETOWN, F_SETSIG): the processes exist by now. */
function setOwners(files: Files, b: Batch): void {
  for (const id of files.images.used) {
    const entry = files.images.byId.get(id)!;
    const told = ownerAndFlags(entry, files);
    if (!told) continue;
    const { fown, flags } = told;
    const slot = files.slot(id);
    using _doing = b.doing(`setting the owner of file ${id}`);
    if (fown.signum) b.call('fcntl', slot, F_SETSIG, fown.signum);
    if (fown.pid) {
      if (!existsSync(`/proc/${seenByCrit(fown.pid)}`) && fown.pid_type !== 2)
        files.ctx.log.warn(`file ${id}: its signals went to process ${fown.pid}, which is not there any more`);
      else setOwner(b, slot, fown);
    }
    // nobody has a number for what is only in flight
    if (flags & O_ASYNC && !files.images.holder(id)) b.call('fcntl', slot, F_SETFL, flags);
  }
}

/**
 * Switches signals on (O_ASYNC), in the first task of a table, by the numbers that the programs know: the kernel notes the
 * one that is used here, and si_fd of a signal tells it.
 */
function switchSignalsOn(files: Files, table: Table, b: Batch): void {
  for (const { fd, id } of table.entries) {
    const flags = ownerAndFlags(files.images.byId.get(id)!, files)?.flags ?? 0;
    if (!(flags & O_ASYNC)) continue;
    const holder = files.images.holder(id)!;
    if (holder.table !== table || holder.fd !== fd) continue;
    using _doing = b.doing(`switching on the signals of descriptor ${fd}`);
    b.call('fcntl', fd, F_SETFL, flags);
  }
}

/** The kernel notes the user who sets the owner: it may only signal processes of that one. */
export function setOwner(b: Batch, slot: number, fown: FownEntry): void {
  const other = fown.uid !== 0 || fown.euid !== 0;
  if (other) b.call('setresuid', fown.uid, fown.euid, KEEP);
  b.tryCall('fcntl', slot, F_SETOWN_EX, new Uint8Array(Int32Array.of(fown.pid_type, fown.pid).buffer));
  if (!other) return;
  b.call('setresuid', 0, 0, KEEP);
  b.call('prctl', PR_SET_DUMPABLE, 1, 0, 0, 0);
}
