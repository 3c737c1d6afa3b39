import { closeSync, readdirSync } from 'node:fs';
import { CritError } from '../image/errors.js';
import type { Messages } from '../image/generated/messages.js';
import { NAMESPACES } from '../image/namespaces.js';
import { systemWords } from '../image/system-words.js';
import { readIpcSysctls } from '../kernel/proc/ipc-sysctls.js';
import { readMessageQueues, readSemaphoreSets, type IpcObject, type MessageQueue } from '../kernel/proc/sysvipc.js';
import { ERRNO } from '../kernel/uapi/errno.js';
import {
  GETALL,
  IPC_NOWAIT,
  IPC_STAT,
  ipcStatRoom,
  MSG_COPY,
  MSG_TYPE_BYTES,
  queueBytesOf,
} from '../kernel/uapi/ipc.js';
import { KCMP_SYSVSEM } from '../kernel/uapi/kcmp.js';
import { FSCONFIG_CMD_CREATE } from '../kernel/uapi/mount.js';
import { sys, SysError, sysRaw } from '../native/sys.js';
import { insideNamespace } from '../task/namespace.js';
import type { DumpContext, DumpTask } from './context.js';
import type { OutEntry } from './image-sink.js';
import { isInOwn, refuseOutsiders } from './namespaces.js';
import type { Resource, TreeView } from './resource.js';

/** The fields of an object of System V IPC that all have. */
export const ipcDesc = ({ key, id, mode, uid, gid, cuid, cgid }: IpcObject): Messages['ipc_desc_entry'] => ({
  key,
  uid,
  gid,
  cuid,
  cgid,
  mode,
  id,
});

/**
 * The IPC namespace that a tree has for itself: its limits, semaphores and messages (ipcns-*.img). That of the machine is
 * not dumped. Segments are those of ShmSegments.
 */
export class IpcNamespace implements Resource {
  readonly name = 'IPC namespace';
  readonly #ctx: DumpContext;
  #own = false;
  #hasSemaphores = false;

  constructor(ctx: DumpContext) {
    this.#ctx = ctx;
  }

  /** Whether the tree has one of its own. */
  get own(): boolean {
    return this.#own;
  }

  /** The number in the names of its images. */
  get id(): number {
    return this.#own ? NAMESPACES.ipc.own : NAMESPACES.ipc.host;
  }

  /** The field of ids.img, if the tree is in an IPC namespace of its own. */
  get ids(): Pick<Messages['task_kobj_ids_entry'], 'ipc_ns_id'> {
    return this.#own ? { ipc_ns_id: this.id } : {};
  }

  /** Does something in the namespace of the tree. */
  inside<T>(work: () => T): T {
    return this.#own ? insideNamespace(this.#ctx.options.pid, 'ipc', work) : work();
  }

  check({ alive }: TreeView): void {
    const { pid } = this.#ctx.options;
    this.#own = isInOwn(pid, 'ipc');
    if (!this.#own) return;
    refuseOutsiders(this.#ctx, alive, 'ipc');
    this.#hasSemaphores = this.inside(() => readSemaphoreSets().length > 0);
    const queues = this.inside(posixQueues);
    if (queues.length > 0)
      this.#refuse(`has POSIX message queues (${queues.slice(0, 3).join(', ')}): they are not supported yet`);
  }

  /**
   * The kernel tells whether a process has a list of undo values, not what is in it; one with threads has an empty one.
   * crit itself has none any more: setns(2) took it.
   */
  look({ pid, tids }: DumpTask): void {
    if (!this.#hasSemaphores || tids.every((tid) => sysRaw('kcmp', process.pid, tid, KCMP_SYSVSEM, 0, 0) === 0)) return;
    this.#ctx.log.warn(
      `process ${pid} may have operated on System V semaphores with SEM_UNDO: after a restore, nothing is undone when it ends`,
    );
  }

  last(): void {
    if (!this.#own) return;
    const { images } = this.#ctx;
    this.inside(() => {
      images.write('IPC_VAR', this.id, [{ message: readIpcSysctls() }]);
      images.write('IPCNS_SEM', this.id, semaphores());
      images.write('IPCNS_MSG', this.id, this.#queues());
    });
  }

  *#queues(): Generator<OutEntry> {
    for (const queue of readMessageQueues()) {
      const stat = ipcStatRoom();
      sys('msgctl', queue.id, IPC_STAT, stat);
      yield {
        message: { desc: ipcDesc(queue), qbytes: queueBytesOf(stat), qnum: queue.messages },
        extra: this.#messages(queue),
      };
    }
  }

  /** Copies what is in a queue; nobody receives it. */
  #messages(queue: MessageQueue): { message: Messages['ipc_msg']; data: Uint8Array }[] {
    const room = Buffer.alloc(MSG_TYPE_BYTES + queue.bytes);
    return Array.from({ length: queue.messages }, (_, i) => {
      const bytes = sysRaw('msgrcv', queue.id, room, queue.bytes, i, IPC_NOWAIT | MSG_COPY);
      if (bytes < 0) throw this.#cannotCopy(queue, -bytes);
      const data = Uint8Array.prototype.slice.call(room, MSG_TYPE_BYTES, MSG_TYPE_BYTES + bytes);
      return { message: { mtype: room.readBigUInt64LE(0), msize: bytes }, data };
    });
  }

  #cannotCopy({ id }: MessageQueue, errno: number): CritError {
    const error = new SysError('msgrcv', errno, `of queue ${id}`);
    const why =
      errno === ERRNO.EINVAL
        ? 'is longer than kernel.msgmax allows now: make that larger'
        : `cannot be copied: ${systemWords(error.code)}`;
    return new CritError(`System V message queue ${id}: a message ${why}`, { code: 'UNSUPPORTED', cause: error });
  }

  #refuse(why: string): void {
    this.#ctx.refuse(
      new CritError(`the IPC namespace of process ${this.#ctx.options.pid}: ${why}`, { code: 'UNSUPPORTED' }),
    );
  }
}

function* semaphores(): Generator<OutEntry> {
  for (const set of readSemaphoreSets()) {
    const values = new Uint16Array(set.count);
    sys('semctl', set.id, 0, GETALL, values);
    yield { message: { desc: ipcDesc(set), nsems: set.count }, extra: values };
  }
}

/** Names of POSIX message queues (mq_overview(7)) of the namespace that this thread is in. */
function posixQueues(): string[] {
  const context = sysRaw('fsopen', Buffer.from('mqueue\0'), 0);
  if (context < 0) return []; // a kernel without them
  try {
    sys('fsconfig', context, FSCONFIG_CMD_CREATE, null, null, 0);
    const mount = sys('fsmount', context, 0, 0);
    try {
      return readdirSync(`/proc/self/fd/${mount}`);
    } finally {
      closeSync(mount);
    }
  } finally {
    closeSync(context);
  }
}
