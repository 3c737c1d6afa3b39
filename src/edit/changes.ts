import type { Checkpoint } from '../inspect/checkpoint.js';
import { addDescriptor, changePosition, dropDescriptor } from './changes/descriptors.js';
import { changeArgument, changeEnvironment, changeMemory } from './changes/memory.js';
import { changeCgroup, changeComm, changeHostname, changePaths } from './changes/names.js';
import { changePids } from './changes/pids.js';
import {
  changeGidMap,
  changeGroup,
  changeLimit,
  changeRegister,
  changeSigmask,
  changeUidMap,
  changeUser,
} from './changes/process.js';
import { changeAddress, changePort } from './changes/sockets.js';
import { EditedSet } from './edited-set.js';
import { MemoryEdits } from './memory/memory-edits.js';
import { setFields, type FieldChange } from './set-fields.js';

type Apply = (set: EditedSet, edits: MemoryEdits, text: string) => string;

/** A kind of change that keeps a set consistent. */
export interface ChangeKind {
  readonly name: string;
  readonly form: string;
  readonly what: string;
}

const each =
  (change: (set: EditedSet, text: string) => string): Apply =>
  (set, _edits, text) =>
    change(set, text);

/** In the order in which they are made. */
const KINDS: readonly (ChangeKind & { readonly apply: Apply })[] = [
  {
    name: 'path',
    form: 'OLD=NEW',
    what: 'move paths of files, directories and sockets from below one directory to another',
    apply: each(changePaths),
  },
  {
    name: 'port',
    form: '[tcp:|udp:]OLD=NEW',
    what: 'change a port, at both ends of connections',
    apply: each(changePort),
  },
  { name: 'address', form: 'OLD=NEW', what: 'change an IPv4 or IPv6 address', apply: each(changeAddress) },
  { name: 'hostname', form: 'NAME', what: 'change the host name of UTS namespaces', apply: each(changeHostname) },
  { name: 'cgroup', form: 'OLD=NEW', what: 'move cgroups from below one path to another', apply: each(changeCgroup) },
  { name: 'comm', form: 'PID=NAME', what: 'change the name of a process', apply: each(changeComm) },
  {
    name: 'limit',
    form: 'PID:NAME=SOFT[:HARD]',
    what: 'change a resource limit, such as NOFILE',
    apply: each(changeLimit),
  },
  { name: 'register', form: 'TID:NAME=VALUE', what: 'change a register of a thread', apply: each(changeRegister) },
  { name: 'sigmask', form: 'TID=SIGNAL,...', what: 'change which signals a thread blocks', apply: each(changeSigmask) },
  { name: 'uid', form: 'OLD=NEW', what: 'change a user in all credentials', apply: each(changeUser) },
  { name: 'gid', form: 'OLD=NEW', what: 'change a group in all credentials', apply: each(changeGroup) },
  {
    name: 'uid-map',
    form: 'INSIDE=OUTSIDE[:COUNT]',
    what: 'change where the users of user namespaces are outside, for the range that begins with INSIDE',
    apply: each(changeUidMap),
  },
  { name: 'gid-map', form: 'INSIDE=OUTSIDE[:COUNT]', what: 'the same for groups', apply: each(changeGidMap) },
  { name: 'pos', form: 'PID:FD=BYTES', what: 'change the position in an open file', apply: each(changePosition) },
  { name: 'drop-fd', form: 'PID:FD', what: 'take a descriptor away', apply: each(dropDescriptor) },
  { name: 'add-fd', form: 'PID:FD=PATH[:r|w|rw]', what: 'add a descriptor of a file', apply: each(addDescriptor) },
  {
    name: 'memory',
    form: 'PID:PLACE=VALUE',
    what: 'write into memory, at an address or sym:NAME: hex:BYTES, text:TEXT, or u8: to u64: and a number',
    apply: changeMemory,
  },
  {
    name: 'env',
    form: 'PID:NAME=VALUE',
    what: 'change an environment variable, which may become longer, or add one',
    apply: changeEnvironment,
  },
  { name: 'arg', form: 'PID:N=TEXT', what: 'change an argument, from 0', apply: changeArgument },
];

const PIDS: ChangeKind = {
  name: 'pid',
  form: 'OLD=NEW',
  what: 'renumber a process, thread, group or session, everywhere',
};

/** All kinds: the names under which changes are given. */
export const CHANGE_KINDS: readonly ChangeKind[] = [...KINDS, PIDS];

/** What is to be changed in a set. */
export interface Changes {
  /** Fields of images by the names of the images' files, as the checkpoint has them. They are changed first. */
  readonly fields?: Readonly<Record<string, readonly FieldChange[]>>;
  /** By kind, in the form that CHANGE_KINDS tells. */
  readonly typed?: Readonly<Record<string, readonly string[] | undefined>>;
}

/** The same as `crit set`. */
export interface Changed {
  /** To be written: writeSet, replaceSet. */
  readonly set: EditedSet;
  /** What was done, a line each. */
  readonly lines: readonly string[];
}

/**
 * Changes a set in memory. Nothing is written; a change that cannot be made as a whole is not made at all.
 * @throws CritError BAD_ARGUMENT; ImageError BAD_JSON when a value does not fit its field, and of images that cannot be read
 */
export function changeSet(checkpoint: Checkpoint, { fields = {}, typed = {} }: Changes): Changed {
  const set = new EditedSet(checkpoint);
  using edits = new MemoryEdits(set, checkpoint);
  const lines: string[] = [];
  for (const [image, changes] of Object.entries(fields)) lines.push(...setFields(set, image, changes));
  for (const { name, apply } of KINDS) for (const text of typed[name] ?? []) lines.push(apply(set, edits, text));
  const pids = typed[PIDS.name] ?? [];
  // each pages image is made once: renumbering, which writes into memory too, stores all
  if (pids.length > 0) lines.push(...changePids(set, edits, pids));
  else edits.store();
  return { set, lines };
}
