import { closeSync, openSync } from 'node:fs';
import type { Pid } from '../image/pid.js';
import { O_DIRECTORY, O_PATH } from '../kernel/uapi/open-flags.js';
import type { KernelMemory } from './kernel-memory.js';

/** enum pid_type of the kernel */
const PIDTYPE_PID = 0;
const POINTER_BYTES = 8;

/** Where the kernel has threads and what their descriptors refer to. */
export class KernelTasks {
  readonly #memory: KernelMemory;
  readonly #known = new Map<Pid, bigint>();

  constructor(memory: KernelMemory) {
    this.#memory = memory;
  }

  /** Address of a thread's task_struct. 8 reads. @throws CritError KERNEL_MEMORY, SysError */
  task(tid: Pid): bigint {
    let known = this.#known.get(tid);
    if (known === undefined) this.#known.set(tid, (known = this.#find(tid)));
    return known;
  }

  /** By its directory in /proc, which has the kernel's `struct pid`. */
  #find(tid: Pid): bigint {
    const memory = this.#memory;
    const fd = openSync(`/proc/${tid}`, O_PATH | O_DIRECTORY);
    try {
      const file = this.#fileAt(memory.current, fd);
      const inode = memory.pointer('file', file, 'f_inode');
      const pid = memory.pointer('proc_inode', memory.container('proc_inode', 'vfs_inode', inode), 'pid');
      const link = memory.word(memory.member('pid', pid, 'tasks') + BigInt(PIDTYPE_PID * POINTER_BYTES));
      return memory.container('task_struct', 'pid_links', link);
    } finally {
      closeSync(fd);
    }
  }

  /** Address of the struct file behind a descriptor of a process. */
  file(pid: Pid, fd: number): bigint {
    return this.#fileAt(pid === process.pid ? this.#memory.current : this.task(pid), fd);
  }

  #fileAt(task: bigint, fd: number): bigint {
    const memory = this.#memory;
    const files = memory.pointer('task_struct', task, 'files');
    const table = memory.pointer('fdtable', memory.pointer('files_struct', files, 'fdt'), 'fd');
    return memory.word(table + BigInt(fd * POINTER_BYTES));
  }
}
