import { existsSync } from 'node:fs';
import { imageFileName } from '../../image/catalogue.js';
import { CritError } from '../../image/errors.js';
import { O_RDWR } from '../../kernel/uapi/open-flags.js';
import type { Batch } from '../../task/batch.js';
import type { RestoreTask } from '../context.js';
import { ControlledSession } from './controlled-session.js';
import type { Files } from './group.js';
import { fetchFromCrit } from './inherited.js';
import { setFlags } from './place.js';
import { fillPty } from './pty-data.js';
import { inUse, Pty, PTMX } from './pty.js';
import type { OpenTerminal } from './open-terminal.js';

/** A pseudoterminal with its master, the slaves that are open, and the session that it controls. */
export class PtyPair implements Disposable {
  readonly index: number;
  readonly session: ControlledSession;
  readonly #files: Files;
  readonly #master: OpenTerminal;
  readonly #slaves: readonly OpenTerminal[];
  readonly #path: (typeof PTMX)[number];
  /** A number in the root where a slave is that its leader can take. */
  readonly #slaveSlot: number;
  #pty: Pty | undefined;

  /** @throws CritError UNSUPPORTED; refuses TERMINAL_IN_USE */
  constructor(files: Files, index: number, master: OpenTerminal, slaves: readonly OpenTerminal[]) {
    this.index = index;
    this.#files = files;
    this.#master = master;
    this.#slaves = slaves;
    this.#path = this.#pathOf(master);
    this.session = new ControlledSession(files, `/dev/pts/${index}`, master.info);
    const slave = slaves[0];
    this.#slaveSlot = slave ? files.slot(slave.entry.id) : this.session.leader ? files.reserve() : -1;
    if (existsSync(`/dev/pts/${index}`)) files.ctx.refuse(inUse(index));
  }

  #pathOf({ entry }: OpenTerminal): (typeof PTMX)[number] {
    const id = entry.tty.regf_id;
    const name = id === undefined ? PTMX[0] : this.#files.images.regular(id, `file ${entry.id}: tty.regf_id`).name;
    const known = PTMX.find((path) => path === name);
    if (known) return known;
    throw new CritError(
      `${imageFileName('FILES')}: file ${entry.id}: the master of a terminal that was opened as ${JSON.stringify(name)}: not supported`,
      { code: 'UNSUPPORTED' },
    );
  }

  /** Makes it, and has the root take its ends. */
  open(b: Batch): void {
    const { entry, info } = this.#master;
    using _doing = b.doing(`making terminal /dev/pts/${this.index}`);
    const pty = new Pty({ index: this.index, path: this.#path, flags: entry.tty.flags });
    this.#pty = pty;
    pty.set(this.#slaves[0]?.info ?? info);
    this.#take(b, pty.master, this.#master);
    for (const slave of this.#slaves) this.#take(b, pty.open(slave.entry.tty.flags), slave);
    if (this.#slaves.length === 0 && this.session.leader) fetchFromCrit(b, pty.open(O_RDWR), this.#slaveSlot);
    const slave = this.#slaves[0]?.info;
    const uid = slave?.uid ?? info.slave_uid;
    if (uid !== undefined) pty.chown(uid, slave?.gid ?? info.slave_gid ?? 0, info.slave_mode ?? this.#modeOf());
  }

  /** Permissions of the slave's file, which CRIU tells with its name. */
  #modeOf(): number | undefined {
    const id = this.#slaves[0]?.entry.tty.regf_id;
    return id === undefined ? undefined : this.#files.images.byId.get(id)?.reg?.mode;
  }

  #take(b: Batch, fd: number, { entry }: OpenTerminal): void {
    const slot = this.#files.slot(entry.id);
    fetchFromCrit(b, fd, slot);
    setFlags(b, slot, entry.tty.flags);
  }

  /** When the root has all ends. @throws CritError TERMINAL_DATA */
  finish(): void {
    const data = this.#files.images.dir.messages('TTY_DATA') ?? [];
    const of = (end: OpenTerminal | undefined) => end && data.find(({ tty_id }) => tty_id === end.info.id);
    const { slaves_closed: closed } = this.#master.info;
    if (this.#slaves.length > 0 || closed)
      fillPty(this.#pty!, this.index, { output: of(this.#master), input: of(this.#slaves[0]) });
    this.#pty!.finish(this.#master.info, this.#slaves[0]?.info);
    this[Symbol.dispose]();
  }

  /** A new session has it as controlling terminal, if it is this one's. */
  control(task: RestoreTask, b: Batch): void {
    this.session.control(task, b, this.#slaveSlot);
  }

  /** Brings a process group to the foreground: all are there. */
  toForeground(): void {
    this.session.toForeground(this.#slaveSlot);
  }

  [Symbol.dispose](): void {
    this.#pty?.[Symbol.dispose]();
  }
}
