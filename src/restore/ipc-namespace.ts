import { imageFileName, type EntryImageType } from '../image/catalogue.js';
import type { ImageDir } from '../encode/image-dir.js';
import { CritError } from '../image/errors.js';
import type { Messages } from '../image/generated/messages.js';
import { NAMESPACES } from '../image/namespaces.js';
import type { Pid } from '../image/pid.js';
import { whyFailed } from '../image/system-words.js';
import { IPC_SYSCTLS, readIpcSysctl, writeIpcSysctl, type IpcSysctl } from '../kernel/proc/ipc-sysctls.js';
import { NAMESPACE_FLAGS } from '../kernel/proc/namespaces.js';
import { errnoWords } from '../kernel/uapi/errno.js';
import {
  IPC_CREAT,
  IPC_EXCL,
  IPC_NOWAIT,
  IPC_PERMISSIONS,
  IPC_SET,
  ipcSettings,
  MSG_TYPE_BYTES,
  SETALL,
} from '../kernel/uapi/ipc.js';
import { sysRaw } from '../native/sys.js';
import { insideNamespace } from '../task/namespace.js';
import type { RestoreContext } from './context.js';
import { asMaker, puppetIds } from './files/makers.js';
import type { OnTask, Part } from './part.js';

type Desc = Messages['ipc_desc_entry'];

interface Semaphores {
  readonly message: Messages['ipc_sem_entry'];
  readonly values: Uint16Array;
}

interface Queue {
  readonly message: Messages['ipc_msg_entry'];
  readonly messages: readonly { readonly message: Messages['ipc_msg']; readonly data: Uint8Array }[];
}

/** Larger than any queue that a kernel takes: images are not trusted. */
const QUEUE_BYTES_MAX = 0x7fffffff;

/** What would act on what is made: it is set when all is there. */
const LATE: ReadonlySet<string> = new Set(['shm_rmid_forced', 'msg_next_id', 'sem_next_id', 'shm_next_id']);

/** Has the root make an object, as the user who made it once. @returns its id, or -errno; below 0 without right */
export function madeBy(
  { b }: OnTask,
  { cuid, cgid }: Desc,
  call: 'shmget' | 'semget' | 'msgget',
  ...args: number[]
): number {
  let made: { readonly value: number } | undefined;
  asMaker(b, { uid: cuid, gid: cgid, groups: puppetIds().groups }, () => {
    made = b.tryCall(call, ...args);
  });
  b.run();
  return made!.value;
}

/** The IPC namespace of a tree: a new one, where it had one for itself, with its limits, semaphores and messages. */
export class IpcNamespace {
  /** Whether the tree has one for itself. */
  readonly own: boolean;
  /** The number in the names of its images. */
  readonly id: number;
  readonly #ctx: RestoreContext;
  readonly #limits: ReadonlyMap<IpcSysctl, readonly bigint[]>;
  readonly #semaphores: readonly Semaphores[];
  readonly #queues: readonly Queue[];
  #root: Pid | undefined;

  /** @param id in the images, or 0 */
  constructor(images: ImageDir, id: number, ctx: RestoreContext) {
    this.own = id !== 0;
    this.id = this.own ? id : NAMESPACES.ipc.host;
    this.#ctx = ctx;
    this.#limits = this.own ? limitsOf(images, id) : new Map();
    this.#semaphores = this.own ? this.#read(images, 'IPCNS_SEM').map(semaphoresOf) : [];
    this.#queues = this.own ? this.#read(images, 'IPCNS_MSG').map(queueOf) : [];
  }

  #read<Type extends EntryImageType>(images: ImageDir, type: Type) {
    return images.has(type, this.id) ? images.read(type, this.id).entries : [];
  }

  /** Does something in the namespace of the tree, which is there from `root` on. */
  inside<T>(work: () => T): T {
    return this.own ? insideNamespace(this.#root!, 'ipc', work) : work();
  }

  /** As a part of the restore. */
  part(): Part {
    if (!this.own) return { name: 'IPC namespace', at: {} };
    return {
      name: 'IPC namespace',
      at: {
        root: (root) => {
          root.b.call('unshare', NAMESPACE_FLAGS.ipc);
          root.b.run();
          this.#root = root.task.puppet!.tid;
          this.inside(() => {
            // what is made here must fit, also under limits that have been lowered since
            this.#setLimits((now, wanted, name) => (LATE.has(name) || now > wanted ? now : wanted));
            for (const set of this.#semaphores) this.#makeSemaphores(set, root);
            for (const queue of this.#queues) this.#makeQueue(queue, root);
          });
        },
        whole: () => {
          this.inside(() => {
            this.#setLimits((_, wanted) => wanted);
          });
        },
      },
      planLines: () => [
        `IPC namespace: a new one, with ${this.#semaphores.length} sets of semaphores and ${this.#queues.length} queues of messages`,
      ],
    };
  }

  /** @param choose what is set, of what is there and what the images tell */
  #setLimits(choose: (now: bigint, wanted: bigint, name: IpcSysctl) => bigint): void {
    for (const [name, wanted] of this.#limits) {
      const now = readIpcSysctl(name);
      if (!now) {
        this.#noSysctl(name);
        continue;
      }
      const values = now.map((value, i) => choose(value, wanted[i] ?? value, name));
      if (values.every((value, i) => value === now[i])) continue;
      try {
        writeIpcSysctl(name, values);
      } catch (error) {
        throw failed(`sysctl ${IPC_SYSCTLS[name]} cannot be set to ${values.join(' ')}: ${whyFailed(error)}`);
      }
    }
  }

  #noSysctl(name: IpcSysctl): void {
    const says = `this kernel has no sysctl ${IPC_SYSCTLS[name]}, which the IPC namespace of the images has`;
    if (!this.#ctx.options.weakSysctls) throw failed(`${says}: --weak-sysctls leaves it out`);
    this.#ctx.log.warn(`${says}: it is left out`);
  }

  #makeSemaphores({ message: { desc, nsems }, values }: Semaphores, root: OnTask): void {
    const what = `semaphore set ${desc.id}`;
    make(root, desc, what, 'sem_next_id', 'semget', nsems);
    must(what, sysRaw('semctl', desc.id, 0, SETALL, values));
    must(what, sysRaw('semctl', desc.id, 0, IPC_SET, ipcSettings(desc)));
  }

  #makeQueue({ message: { desc, qbytes }, messages }: Queue, root: OnTask): void {
    const what = `message queue ${desc.id}`;
    make(root, desc, what, 'msg_next_id', 'msgget');
    const bytes = messages.reduce((sum, { data }) => sum + data.length, 0);
    // it may have been made smaller than what is in it
    const room = Math.min(Math.max(qbytes, bytes, messages.length), QUEUE_BYTES_MAX);
    must(what, sysRaw('msgctl', desc.id, IPC_SET, ipcSettings(desc, room)));
    for (const { message, data } of messages) {
      const sent = Buffer.alloc(MSG_TYPE_BYTES + data.length);
      sent.writeBigUInt64LE(BigInt.asUintN(64, message.mtype));
      sent.set(data, MSG_TYPE_BYTES);
      must(what, sysRaw('msgsnd', desc.id, sent, data.length, IPC_NOWAIT));
    }
    if (room !== qbytes) must(what, sysRaw('msgctl', desc.id, IPC_SET, ipcSettings(desc, qbytes)));
  }
}

const failed = (why: string) => new CritError(`System V IPC: ${why}`, { code: 'IPC' });

function must(what: string, result: number): void {
  if (result < 0) throw failed(`${what} cannot be made: ${errnoWords(-result)}`);
}

/** The object that is made next gets this id (admin-guide/sysctl/kernel.rst); the kernel sets it back. @throws CritError IPC */
export function askForId(next: 'sem_next_id' | 'msg_next_id' | 'shm_next_id', id: number, what: string): void {
  try {
    writeIpcSysctl(next, [BigInt(id)]);
  } catch (error) {
    throw failed(`${what} cannot be made: sysctl ${IPC_SYSCTLS[next]} cannot be set to ${id}: ${whyFailed(error)}`);
  }
}

/** Makes an object under its id, as the user who made it once. */
function make(
  root: OnTask,
  desc: Desc,
  what: string,
  next: 'sem_next_id' | 'msg_next_id',
  call: 'semget' | 'msgget',
  ...size: number[]
): void {
  askForId(next, desc.id, what);
  const flags = (desc.mode & IPC_PERMISSIONS) | IPC_CREAT | IPC_EXCL;
  const made = madeBy(root, desc, call, desc.key | 0, ...size, flags);
  must(what, made);
  if (made !== desc.id) throw failed(`${what} cannot be made: its id is taken`);
}

/** What the images tell of limits; the first image of a namespace that must be there. @throws CritError MISSING_IMAGE */
function limitsOf(images: ImageDir, id: number): Map<IpcSysctl, readonly bigint[]> {
  const entry = images.first('IPC_VAR', id);
  if (!entry)
    throw new CritError(`${imageFileName('IPC_VAR', id)} is missing: the dumped IPC namespace is not known`, {
      code: 'MISSING_IMAGE',
    });
  const limits = new Map<IpcSysctl, readonly bigint[]>();
  // in the order of the table: ids that come next are set behind all that makes objects
  for (const name of Object.keys(IPC_SYSCTLS) as IpcSysctl[]) {
    const value = entry[name];
    if (value === undefined || (isOfQueues(name) && entry.mq_queues_max === 0)) continue;
    limits.set(name, (Array.isArray(value) ? value : [value]).map(BigInt));
  }
  return limits;
}

/** A kernel without POSIX message queues has none of theirs: 0 in the images. */
const isOfQueues = (name: IpcSysctl): boolean => name.startsWith('mq_');

const semaphoresOf = ({ message, extra }: { message: object; extra?: unknown }): Semaphores => ({
  message: message as Messages['ipc_sem_entry'],
  values: extra as Uint16Array,
});

const queueOf = ({ message, extra }: { message: object; extra?: unknown }): Queue => ({
  message: message as Messages['ipc_msg_entry'],
  messages: extra as Queue['messages'],
});
