import type { TtyFileEntry, TtyInfoEntry } from '../../image/generated/messages.js';
import { externalTerminal } from '../../image/external.js';
import {
  TTYAUX,
  TTYAUX_MAJOR,
  PTS_MAJORS,
  isDeviceTerminal,
  MOST_DEVICES,
  MOST_EXTERNAL,
  ttyInfoId,
} from '../../image/terminals.js';
import { TtyType } from '../../image/generated/messages.js';
import { readStat } from '../../kernel/proc/stat-file.js';
import { F_GETFL, O_CLOEXEC } from '../../kernel/uapi/open-flags.js';
import { TIOCGDEV, TIOCGPGRP, TIOCGPTN, TIOCGSID } from '../../kernel/uapi/ioctl.js';
import { POLLHUP } from '../../kernel/uapi/socket.js';
import { devMajor, devMinor } from '../../kernel/uapi/stat.js';
import { pollFd } from '../../native/poll.js';
import { sys } from '../../native/sys.js';
import { attempt } from '../resource.js';
import type { Description } from './description.js';
import { statPath } from './file-stat.js';
import type { Files } from './files.js';
import { regularFile } from './regular-entry.js';
import { PtyQueues } from './pty-queues.js';
import { askInt, checkDevice, isHungUp, isStopped, lineOf } from './tty-line.js';
import { unsupported } from './unsupported.js';

/** Which terminal a file is an end of. */
interface End {
  readonly id: number;
  readonly type: TtyType;
  /** N of /dev/pts/N, of both ends. */
  readonly index?: number;
  readonly isMaster?: boolean;
  /** It belongs to somebody else (--external). */
  readonly isExternal?: boolean;
  /** Device number of the terminal that a process can have as its controlling one, as /proc/PID/stat tells it. */
  readonly dev: number;
}

/** The terminals of a dump. Those whose master is in the tree are carried, one other may be the shell's. */
export class Terminals {
  readonly #files: Files;
  readonly #told = new Set<number>();
  /** Of those that are alive, by the terminal that can control processes. */
  readonly #ends: { readonly file: Description; readonly end: End; readonly sid: number }[] = [];
  /** What the ids of /dev/tty stand for. */
  readonly #current: number[] = [];
  readonly #external: string[] = [];
  /** Consoles and serial lines beyond the first of their kinds, by device. */
  readonly #devices = new Map<bigint, number>();

  constructor(files: Files) {
    this.#files = files;
    files.whenKnown(() => {
      this.#check();
    });
  }

  /** @throws CritError UNSUPPORTED */
  entry(file: Description): TtyFileEntry {
    const { rdev } = file.stat;
    const index = ptsIndex(rdev);
    const isHung = this.#files.use(file, isHungUp);
    if (isHung && index !== undefined) return this.#hungUp(file, index);
    if (isHung) throw unsupported(file, 'a terminal that has hung up, opened by another name than /dev/pts/N,');
    const end = this.#externalEnd(file) ?? this.#endOf(file, index);
    const { sid, pgrp } = this.#control(file, end);
    this.#ends.push({ file, end, sid });
    if (!this.#told.has(end.id)) {
      this.#told.add(end.id);
      this.#files.put('TTY_INFO', { message: { ...this.#describe(file, end), sid, pgrp } });
    }
    const { link, stat, where, info, owner } = file;
    const flags = info.flags | (this.#files.use(file, (fd) => sys('fcntl', fd, F_GETFL)) & O_CLOEXEC);
    if (end.isExternal) return { id: file.id, tty_info_id: end.id, flags, fown: owner };
    const regf = this.#files.addRegular(
      { link, stat, where, open: () => this.#files.take(file) },
      info.flags,
      0n,
      owner,
    );
    return { id: file.id, tty_info_id: end.id, flags, fown: owner, regf_id: regf };
  }

  /** What CRIU calls it has been named as somebody else's. @throws CritError UNSUPPORTED */
  #externalEnd(file: Description): End | undefined {
    const key = externalTerminal(file.stat);
    if (!this.#files.ctx.options.externals.has(key)) return undefined;
    if (!this.#external.includes(key)) this.#external.push(key);
    if (this.#external.length > MOST_EXTERNAL)
      throw unsupported(file, `a terminal beyond the ${MOST_EXTERNAL} external ones that images have numbers for`);
    const { rdev } = file.stat;
    const dev =
      devMajor(rdev) === TTYAUX_MAJOR
        ? this.#files.use(file, (fd) => askInt(fd, TIOCGDEV))
        : Number(rdev & 0xffffffffn);
    return {
      id: ttyInfoId.external(this.#external.indexOf(key)),
      type: TtyType.EXT_TTY,
      isExternal: true,
      dev: dev ?? 0,
    };
  }

  #endOf(file: Description, index: number | undefined): End {
    const { rdev } = file.stat;
    const dev = Number(rdev & 0xffffffffn);
    if (index !== undefined) {
      if (statPath('/dev/pts')?.dev !== file.stat.dev)
        throw unsupported(file, 'a terminal of another devpts than /dev/pts');
      return { id: ttyInfoId.slave(index), type: TtyType.PTY, index, dev };
    }
    const major = devMajor(rdev);
    const minor = devMinor(rdev);
    const ask = (request: number) => this.#files.use(file, (fd) => askInt(fd, request));
    if (major === TTYAUX_MAJOR && minor === TTYAUX.ptmx) {
      const n = ask(TIOCGPTN)!;
      return { id: ttyInfoId.master(n), type: TtyType.PTY, index: n, isMaster: true, dev: ask(TIOCGDEV)! };
    }
    if (major === TTYAUX_MAJOR && minor === TTYAUX.tty) {
      const real = ask(TIOCGDEV)!;
      if (!this.#current.includes(real)) this.#current.push(real);
      return { id: ttyInfoId.current(this.#current.indexOf(real)), type: TtyType.CTTY, dev: real };
    }
    if (major === TTYAUX_MAJOR) return { id: ttyInfoId.console, type: TtyType.CONSOLE, dev: ask(TIOCGDEV) ?? dev };
    const [id, type] = minor < 64 ? [ttyInfoId.virtual, TtyType.VT] : [ttyInfoId.serial, TtyType.SERIAL];
    return { id: this.#deviceId(file, id), type, dev };
  }

  #deviceId(file: Description, first: number): number {
    const { rdev } = file.stat;
    const isFirst = !this.#told.has(first);
    const known = this.#devices.get(rdev);
    if (known !== undefined) return known;
    if (!isFirst && this.#devices.size > MOST_DEVICES)
      throw unsupported(file, `a terminal beyond the ${MOST_DEVICES} devices that images have numbers for`);
    const id = isFirst ? first : ttyInfoId.device(this.#devices.size);
    this.#devices.set(rdev, id);
    return id;
  }

  /** The session that a terminal controls, and its foreground group; zeros for none. Only a master tells it anybody. */
  #control(file: Description, { isMaster, dev }: End): { sid: number; pgrp: number } {
    if (isMaster)
      return this.#files.use(file, (fd) => ({ sid: askInt(fd, TIOCGSID) ?? 0, pgrp: askInt(fd, TIOCGPGRP) ?? 0 }));
    const member = this.#files.ctx.tasks.find(({ frozen }) => frozen.stat.ttyNr === dev);
    if (!member) return { sid: 0, pgrp: 0 };
    const { session, tpgid } = readStat(member.pid);
    return { sid: session, pgrp: Math.max(tpgid, 0) };
  }

  #describe(file: Description, { id, type, index, isMaster }: End): TtyInfoEntry {
    const { rdev, dev, uid, gid } = file.stat;
    return {
      id,
      type,
      sid: 0,
      pgrp: 0,
      rdev: Number(rdev & 0xffffffffn),
      dev: Number(dev & 0xffffffffn),
      uid,
      gid,
      ...this.#files.use(file, (fd) => lineOf(file, fd, isMaster === true)),
      ...(index === undefined ? {} : { pty: { index } }),
      ...(isMaster ? this.#slaveOf(file, index!) : {}),
      // of one that is full, nothing is dumped
      ...(type === TtyType.PTY && !isMaster && this.#files.use(file, isStopped) ? { output_stopped: true } : {}),
    };
  }

  /** What a master's slave is like: nobody may have it open. */
  #slaveOf(file: Description, index: number): Partial<TtyInfoEntry> {
    const closed = this.#files.use(file, (fd) => (pollFd(fd, 0, 0) & POLLHUP) !== 0);
    const node = statPath(`/dev/pts/${index}`);
    return {
      ...(closed ? { slaves_closed: true } : {}),
      ...(node ? { slave_uid: node.uid, slave_gid: node.gid, slave_mode: node.mode & 0o7777 } : {}),
    };
  }

  /** A terminal without settings is one that has hung up, to CRIU too; a live one may have its index by now. */
  #hungUp({ id: own, stat, info, owner }: Description, index: number): TtyFileEntry {
    const files = this.#files;
    const id = ttyInfoId.hungUp(index);
    const { rdev, dev, uid, gid } = stat;
    if (!this.#told.has(id))
      files.put('TTY_INFO', {
        message: {
          id,
          type: TtyType.PTY,
          locked: false,
          exclusive: false,
          packet_mode: false,
          sid: 0,
          pgrp: 0,
          rdev: Number(rdev & 0xffffffffn),
          pty: { index },
          dev: Number(dev & 0xffffffffn),
          uid,
          gid,
        },
      });
    this.#told.add(id);
    const regf = files.newId();
    // CRIU wants a path; its file is gone
    const name = `/dev/pts/${index}`;
    files.add(regularFile({ id: regf, name, stat, flags: info.flags, pos: 0n, fown: owner }));
    return { id: own, tty_info_id: id, flags: info.flags, fown: owner, regf_id: regf };
  }

  /** What waits in a terminal is dumped last: it may be much. @throws CritError UNSUPPORTED */
  #queues(master: Description, { index, dev }: End): void {
    const slave = this.#ends.find(({ end }) => end.index === index && !end.isMaster)?.file;
    const queues = new PtyQueues(this.#files, { index: index!, master, slave, dev });
    queues.check();
    this.#files.finally(() => {
      queues.dump();
    });
  }

  /** Every terminal is one of the tree, with its session, or the shell's. */
  #check(): void {
    const { ctx } = this.#files;
    const inTree = new Set(this.#ends.filter(({ end }) => end.isMaster).map(({ end }) => end.dev));
    const pids = new Set(ctx.tasks.map(({ pid }) => pid));
    const isByName = ({ end, sid }: { readonly end: End; readonly sid: number }) =>
      isDeviceTerminal(end) && (!ctx.options.shellJob || pids.has(sid));
    const foreign = new Set(this.#ends.filter((one) => one.end.isExternal || isByName(one)).map(({ end }) => end.dev));
    let shells: number | undefined;
    for (const { file, end, sid } of this.#ends)
      attempt(ctx.refuse, () => {
        if (inTree.has(end.dev)) {
          if (sid && !ctx.running && !pids.has(sid))
            throw unsupported(file, `a terminal that controls session ${sid}, whose leader is outside of the tree,`);
          if (end.isMaster) this.#queues(file, end);
          return;
        }
        if (isDeviceTerminal(end))
          this.#files.use(file, (fd) => {
            checkDevice(file, fd);
          });
        if (foreign.has(end.dev)) {
          if (end.isExternal || ctx.options.shellJob || !sid || ctx.running || pids.has(sid)) return;
          throw unsupported(file, `a terminal that controls session ${sid}, whose leader is outside of the tree,`);
        }
        if (!ctx.options.shellJob)
          throw unsupported(
            file,
            end.index === undefined ? 'a terminal' : 'a terminal whose master is outside of the tree',
            `needs --shell-job, and to be the shell's own; or --external '${externalTerminal(file.stat)}', and another one at restore`,
          );
        shells ??= end.dev;
        if (shells !== end.dev)
          throw unsupported(
            file,
            'a second terminal whose master is outside of the tree',
            "is not supported: one can be the shell's",
          );
      });
  }
}

/** N of a slave, /dev/pts/N. */
function ptsIndex(rdev: bigint): number | undefined {
  const major = devMajor(rdev);
  if (major < PTS_MAJORS.first || major > PTS_MAJORS.last) return undefined;
  return (major - PTS_MAJORS.first) * 256 + devMinor(rdev);
}
