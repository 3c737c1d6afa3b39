import { hasEnded } from '../../image/task-state.js';
import type { TtyInfoEntry } from '../../image/generated/messages.js';
import { TIOCSCTTY, TIOCSPGRP } from '../../kernel/uapi/ioctl.js';
import type { Batch } from '../../task/batch.js';
import type { RestoreTask } from '../context.js';
import type { Files } from './group.js';

/** The session that a terminal controls, and the process group in its foreground. */
export class ControlledSession {
  /** Who leads it; undefined where that is nobody of the images. */
  readonly leader: RestoreTask | undefined;
  readonly #files: Files;
  readonly #terminal: string;
  readonly #pgrp: number;

  /** @param terminal for messages */
  constructor(files: Files, terminal: string, { sid, pgrp }: TtyInfoEntry) {
    this.#files = files;
    this.#terminal = terminal;
    this.#pgrp = pgrp;
    this.leader = files.ctx.tasks.find((task) => task.pid === sid && !hasEnded(task.cores[0]?.tc?.task_state));
    if (sid && !this.leader && !files.ctx.options.shellJob)
      files.ctx.log.warn(`${terminal} controlled session ${sid}, whose leader is not in the images`);
  }

  /** A new session has the terminal as its controlling one, if it is this one. @param slot of an open end */
  control(task: RestoreTask, b: Batch, slot: number): void {
    if (task !== this.leader) return;
    using _doing = b.doing(`taking ${this.#terminal} as controlling terminal`);
    b.call('ioctl', slot, TIOCSCTTY, 0);
  }

  /** Brings the process group to the foreground: all are there. */
  toForeground(slot: number): void {
    if (!this.leader || !this.#pgrp) return;
    const b = this.leader.batch();
    const done = b.tryCall('ioctl', slot, TIOCSPGRP, new Uint8Array(Int32Array.of(this.#pgrp).buffer));
    b.run();
    if (done.value < 0)
      this.#files.ctx.log.warn(
        `process group ${this.#pgrp}, in the foreground of ${this.#terminal}, has no process any more: the leader's is`,
      );
  }
}
