import { closeSync } from 'node:fs';
import type { TtyDataEntry } from '../../image/generated/messages.js';
import { ttyInfoId } from '../../image/terminals.js';
import {
  isCanonical,
  isExternal,
  linesOf,
  plainLines,
  typing,
  typingUnseen,
  type LineInput,
} from '../../kernel/line-input.js';
import { readStat } from '../../kernel/proc/stat-file.js';
import {
  FIONREAD,
  TCGETS2,
  TERMIOS2_BYTES,
  TERMIOS_BYTES,
  TIOCGLCKTRMIOS,
  TIOCGPKT,
  TIOCGPTPEER,
} from '../../kernel/uapi/ioctl.js';
import { CHANGEABLE, O_ASYNC, O_CLOEXEC, O_NOCTTY, O_NONBLOCK, O_RDWR } from '../../kernel/uapi/open-flags.js';
import { POLLHUP, POLLIN } from '../../kernel/uapi/socket.js';
import { pollFd } from '../../native/poll.js';
import { sys, sysRaw } from '../../native/sys.js';
import { giveFd } from '../../task/descriptors.js';
import type { DumpTask } from '../context.js';
import type { Description } from './description.js';
import type { Files } from './files.js';
import { FULL_BYTES, turnOver, type Turn, type Turned } from './pty-turn.js';
import { askInt, isStopped } from './tty-line.js';
import { unsupported } from './unsupported.js';

/** A pseudoterminal whose master is in the tree. */
export interface Pty {
  readonly index: number;
  readonly master: Description;
  /** One that is open in the tree. */
  readonly slave: Description | undefined;
  /** As /proc/PID/stat tells the controlling terminal. */
  readonly dev: number;
}

/** What waits in a pseudoterminal, and in whose batch it is turned over. */
export class PtyQueues {
  readonly #files: Files;
  readonly #pty: Pty;

  constructor(files: Files, pty: Pty) {
    this.#files = files;
    this.#pty = pty;
  }

  /** Before memory is dumped. @throws CritError UNSUPPORTED */
  check(): void {
    const { master, slave } = this.#pty;
    const isOpen = this.#slaveIsOpen();
    const readable = (file: Description) => this.#files.use(file, (fd) => askInt(fd, FIONREAD) ?? 0);
    if (Math.max(readable(master), slave ? readable(slave) : 0) >= FULL_BYTES)
      throw unsupported(master, `a terminal with ${FULL_BYTES} bytes or more that nobody has read`);
    if (this.#files.use(master, isStopped))
      throw unsupported(master, 'a terminal whose input is stopped (TCOOFF at its master)');
    const output = this.#files.use(master, (fd) => (pollFd(fd, POLLIN, 0) & POLLIN) !== 0);
    if (output && isOpen && this.#isStopped())
      throw unsupported(master, 'a terminal whose output is stopped (^S), with data that nobody has read,');
    if (isOpen && (this.#files.ctx.running || (this.#worker() && !this.#isFixed()))) return;
    if (!output && !(slave && readable(slave))) return;
    const why = !isOpen
      ? ', whose slave the tree never had open'
      : this.#worker()
        ? ', and settings that are locked'
        : ', and no process that may read it';
    throw unsupported(master, `a terminal with data that nobody has read${why},`);
  }

  /** Its settings cannot be changed for a while, or somebody would hear of it. */
  #isFixed(): boolean {
    return this.#files.use(this.#pty.master, (fd) => {
      const locked = new Uint8Array(TERMIOS_BYTES);
      sysRaw('ioctl', fd, TIOCGLCKTRMIOS, locked);
      const termios = new Uint8Array(TERMIOS2_BYTES);
      sysRaw('ioctl', fd, TCGETS2, termios);
      return locked.some((bits) => bits !== 0) || (isExternal(termios) && askInt(fd, TIOCGPKT) === 1);
    });
  }

  /** Nothing can be written to the slave, though there is room: what was read of it could not be put back. */
  #isStopped(): boolean {
    const { master, slave } = this.#pty;
    if (slave) return this.#files.use(slave, isStopped);
    // opening a slave may be heard by whoever runs
    if (this.#files.ctx.running) return false;
    return this.#files.use(master, (fd) => {
      const peer = sysRaw('ioctl', fd, TIOCGPTPEER, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
      if (peer < 0) return false;
      try {
        return isStopped(peer);
      } finally {
        closeSync(peer);
      }
    });
  }

  /** A slave is open in the tree, or was, so that opening one more changes nothing. */
  #slaveIsOpen(): boolean {
    const { master, slave } = this.#pty;
    return slave !== undefined || this.#files.use(master, (fd) => (pollFd(fd, 0, 0) & POLLHUP) !== 0);
  }

  /** A process that may read the terminal: not one in the background of it. */
  #worker(): DumpTask | undefined {
    const { dev, master } = this.#pty;
    const may = ({ pid, frozen }: DumpTask) => {
      if (frozen.stat.ttyNr !== dev) return true;
      const { pgrp, tpgid } = readStat(pid);
      return pgrp === tpgid;
    };
    return may(master.task) ? master.task : this.#files.ctx.tasks.find(may);
  }

  /** Puts what waits into the images. */
  dump(): void {
    const worker = this.#worker();
    if (!worker || !this.#slaveIsOpen() || this.#isFixed()) return;
    const { index, master, slave } = this.#pty;
    const own = this.#files.take(master);
    let end = -1;
    try {
      const mode = O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
      end = sysRaw('ioctl', own, TIOCGPTPEER, mode);
      // it may be locked
      const borrowed = end < 0 && slave ? slave : undefined;
      if (borrowed) end = this.#files.take(borrowed);
      if (end < 0) return;
      const termios = new Uint8Array(TERMIOS2_BYTES);
      sys('ioctl', own, TCGETS2, termios);
      const output = pollFd(own, POLLIN, 0) & POLLIN;
      const input = pollFd(end, POLLIN, 0) & POLLIN;
      // the line that has not ended is seen by none of these
      if (!output && !input && !isCanonical(termios)) return;
      const flags = ({ info }: Description) => info.flags & (CHANGEABLE | O_ASYNC);
      const turned = this.#turn(worker, {
        master: { fd: own, flags: flags(master) },
        slave: { fd: end, flags: borrowed ? flags(borrowed) : O_NONBLOCK },
        termios,
        packets: askInt(own, TIOCGPKT) === 1,
        back: typingUnseen(termios),
      });
      if (turned.output.length > 0) this.#put({ tty_id: ttyInfoId.master(index), data: turned.output });
      if (turned.input.length > 0) this.#put(inputEntry(ttyInfoId.slave(index), termios, turned.lines));
    } finally {
      closeSync(own);
      if (end >= 0) closeSync(end);
    }
  }

  #put(message: TtyDataEntry): void {
    this.#files.put('TTY_DATA', { message });
  }

  /** Has a process turn it over; twice where the lines turn out to be others than their bytes tell. */
  #turn(worker: DumpTask, turn: Turn): Turned & { readonly lines: LineInput } {
    const { termios, master, slave } = turn;
    const readable = askInt(slave.fd, FIONREAD) ?? 0;
    using m = giveFd(worker.borrowed, master.fd);
    using s = giveFd(worker.borrowed, slave.fd);
    const inside = { ...turn, master: { ...master, fd: m.fd }, slave: { ...slave, fd: s.fd } };
    const run = (asked: Turn): Turned => {
      const b = worker.batch();
      const read = turnOver(b, asked);
      b.run();
      const turned = read();
      if (turned.lost > 0)
        this.#files.ctx.log.warn(`/dev/pts/${this.#pty.index}: ${turned.lost} bytes that waited in it are lost`);
      return turned;
    };
    const turned = run(inside);
    if (!isCanonical(termios)) return { ...turned, lines: { data: turned.input, ends: [] } };
    const lines = linesOf(termios, turned.input, readable);
    if (!same(lines, plainLines(termios, turned.input))) run({ ...inside, typing: typing(termios, lines) });
    return { ...turned, lines };
  }
}

const same = (a: LineInput, b: LineInput): boolean =>
  a.data.length === b.data.length && a.ends.length === b.ends.length && a.ends.every((end, i) => end === b.ends[i]);

function inputEntry(id: number, termios: Uint8Array, { data, ends }: LineInput): TtyDataEntry {
  return { tty_id: id, data, ...(isCanonical(termios) ? { ends: [...ends] } : {}) };
}
