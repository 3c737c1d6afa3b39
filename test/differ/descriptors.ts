import { createHash } from 'node:crypto';
import { closeSync, lstatSync, openSync, readdirSync, statSync, type Stats } from 'node:fs';
import { readUnixSockets } from '../../src/dump/files/unix-sockets.js';
import { KernelOrder } from '../../src/dump/files/kernel-order.js';
import { PIDFD_GET_INFO, PIDFD_INFO, PIDFD_INFO_BYTES, PIDFD_INFO_EXIT } from '../../src/kernel/uapi/clone.js';
import { FIONREAD } from '../../src/kernel/uapi/ioctl.js';
import { KCMP_FILE } from '../../src/kernel/uapi/kcmp.js';
import { MSG_DONTWAIT, MSG_PEEK, MSG_TRUNC, SO_PEEK_OFF, SOL_SOCKET } from '../../src/kernel/uapi/socket.js';
import type { UnixSocket } from '../../src/kernel/netlink/unix-diag.js';
import { F_SETPIPE_SZ } from '../../src/kernel/uapi/open-flags.js';
import { sysRaw } from '../../src/native/sys.js';
import { openPidfd, takeFd } from '../../src/task/descriptors.js';
import { remaining, type Facts } from './facts.js';
import { contents } from './mappings.js';
import { readLinkOf, readText } from './proc.js';

/** Link targets without a name that lasts; a terminal is made anew. */
const NAMELESS = /^(?:pipe|socket|anon_inode):|^\/memfd:| \(deleted\)$|^\/proc\/\d+(?:\/|$)|^\/dev\/pts\/\d+$/;
const SPLICE_F_NONBLOCK = 2;
const PEEKED_BYTES = 1 << 16;
const PIPE_BYTES = 1 << 20;

/** What is known of a descriptor from outside. */
export interface Looked {
  readonly fd: number;
  readonly socket: boolean;
  /** It has a name and an inode that are the same later. */
  readonly lasting: boolean;
}

interface Place {
  pid: number;
  fd: number;
  name: string;
}

/** What stands still over all descriptors of a tree. */
export class Descriptors {
  readonly #facts: Facts;
  readonly #order = new KernelOrder<Place>((a, b) => sysRaw('kcmp', a.pid, b.pid, KCMP_FILE, a.fd, b.fd));
  #unix: Map<number, UnixSocket> | undefined;

  constructor(facts: Facts) {
    this.#facts = facts;
  }

  /** All that can be seen of a process's descriptors from outside. */
  add(where: string, pid: number): Looked[] {
    const fds = readdirSync(`/proc/${pid}/fd`)
      .map(Number)
      .sort((a, b) => a - b);
    const pidfd = openPidfd(pid);
    try {
      return fds.map((fd) => this.#one(`${where}/descriptor ${fd}`, pid, fd, pidfd));
    } finally {
      closeSync(pidfd);
    }
  }

  #one(where: string, pid: number, fd: number, pidfd: number): Looked {
    const facts = this.#facts;
    const path = `/proc/${pid}/fd/${fd}`;
    const link = readLinkOf(path);
    const stat = statSync(path);
    facts.add(`${where}/link`, link.replace(/\[\d+\]$/, '[]'));
    facts.add(`${where}/link mode`, (lstatSync(path).mode & 0o777).toString(8));
    const lasting = !NAMELESS.test(link) || (stat.isFile() && stat.nlink > 0 && !/^\/memfd:|^\/proc\//.test(link));
    facts.add(`${where}/inode`, lasting ? `${stat.dev} ${stat.ino}` : facts.nameless(`${stat.dev} ${stat.ino}`));
    const first = this.#order.findOrAdd({ pid, fd, name: where });
    facts.add(`${where}/description`, first ? `that of ${first.name}` : 'its own');
    this.#info(where, pid, fd);
    const own = takeFd(pidfd, fd);
    try {
      if (stat.isFile() && !lasting && !link.startsWith('/proc/')) facts.add(`${where}/contents`, contents(path));
      if (stat.isFIFO()) this.#pipe(where, path, own);
      if (link === 'anon_inode:[pidfd]') this.#pidfd(where, own);
      if (stat.isSocket()) this.#socket(where, stat, own);
    } finally {
      closeSync(own);
    }
    return { fd, socket: stat.isSocket(), lasting };
  }

  #info(where: string, pid: number, fd: number): void {
    const facts = this.#facts;
    const many = new Map<string, string[]>();
    for (const line of readText(`/proc/${pid}/fdinfo/${fd}`).split('\n').filter(Boolean)) {
      const pair = /^([^:]*?)\s*:\s*(.*)$/.exec(line);
      const name = pair?.[1] ?? 'line';
      // inode numbers of what is watched are in the text
      const value = (pair?.[2] ?? line)
        .replace(
          name === 'fanotify ino' ? /^([0-9a-f]+) sdev:([0-9a-f]+)/ : /\bino:\s*([0-9a-f]+) sdev:\s*([0-9a-f]+)/g,
          (_, ino: string, dev: string) => `file ${facts.nameless(`${deviceOf(dev)} ${parseInt(ino, 16)}`)}`,
        )
        .replace(/ f_handle:.*/, '');
      const list = many.get(name);
      if (list) list.push(value);
      else many.set(name, [value]);
    }
    for (const [name, values] of many) {
      if (values.length > 1) facts.addAll(`${where}/fdinfo/${name}`, values);
      else facts.add(`${where}/fdinfo/${name}`, timed(name, values[0]!));
    }
  }

  /** What is in a pipe, copied by tee(2), which takes nothing out. */
  #pipe(where: string, path: string, own: number): void {
    let reader = own;
    const pair = new Int32Array(2);
    if (sysRaw('pipe2', pair, 0) < 0) return;
    const [from, to] = pair as unknown as [number, number];
    try {
      sysRaw('fcntl', to, F_SETPIPE_SZ, PIPE_BYTES);
      let n = sysRaw('tee', reader, to, PIPE_BYTES, SPLICE_F_NONBLOCK);
      if (n === -9) {
        // the write end: through /proc there is the other one
        reader = openSync(path, 0o4000);
        n = sysRaw('tee', reader, to, PIPE_BYTES, SPLICE_F_NONBLOCK);
      }
      const data = Buffer.alloc(Math.max(0, n));
      for (let at = 0; at < data.length;) {
        const got = sysRaw('read', from, data.subarray(at), data.length - at);
        if (got <= 0) break;
        at += got;
      }
      this.#facts.add(`${where}/waiting data`, n < 0 ? `errno ${-n}` : digest(data));
    } catch (error) {
      this.#facts.add(`${where}/waiting data`, String(error));
    } finally {
      if (reader !== own) closeSync(reader);
      closeSync(from);
      closeSync(to);
    }
  }

  /** How its process ended. */
  #pidfd(where: string, own: number): void {
    const told = new DataView(new ArrayBuffer(PIDFD_INFO_BYTES));
    told.setBigUint64(PIDFD_INFO.mask, PIDFD_INFO_EXIT, true);
    const r = sysRaw('ioctl', own, PIDFD_GET_INFO, told.buffer);
    const ended = told.getBigUint64(PIDFD_INFO.mask, true) & PIDFD_INFO_EXIT;
    this.#facts.add(
      `${where}/exit status`,
      r < 0 || !ended ? 'none' : String(told.getInt32(PIDFD_INFO.exit_code, true)),
    );
  }

  #socket(where: string, stat: Stats, own: number): void {
    const facts = this.#facts;
    const offset = new Int32Array(1);
    const known = sysRaw('getsockopt', own, SOL_SOCKET, SO_PEEK_OFF, offset, new Uint32Array([4]));
    const waiting = new Int32Array(1);
    sysRaw('ioctl', own, FIONREAD, waiting);
    // peeking moves a peek offset, and hides an empty message from those who peek later
    if ((known < 0 || offset[0]! < 0) && waiting[0]! > 0) {
      const data = Buffer.alloc(PEEKED_BYTES);
      const n = sysRaw('recvfrom', own, data, data.length, MSG_PEEK | MSG_DONTWAIT | MSG_TRUNC, null, null);
      facts.add(
        `${where}/waiting data`,
        n < 0 ? `errno ${-n}` : `${n} ${digest(data.subarray(0, Math.min(n, data.length)))}`,
      );
    }
    const socket = (this.#unix ??= readUnixSockets()).get(stat.ino);
    if (!socket) return;
    const named = (ino: number | undefined) =>
      ino === undefined ? 'none' : ino === 0 ? 'closed' : facts.nameless(`${stat.dev} ${ino}`);
    facts.add(`${where}/unix/type`, socket.type);
    facts.add(`${where}/unix/state`, socket.state);
    facts.add(`${where}/unix/name`, JSON.stringify(Buffer.from(socket.name).toString('latin1')));
    facts.add(`${where}/unix/peer`, named(socket.peer));
    facts.add(`${where}/unix/shutdown`, socket.shutdown);
    facts.add(`${where}/unix/receive queue`, socket.receiveQueue);
    facts.add(`${where}/unix/send queue`, socket.sendQueue);
    facts.add(`${where}/unix/waiting connections`, socket.waiting.map(named).join(' '));
  }
}

function digest(data: Uint8Array): string {
  return `${data.length} bytes ${createHash('sha1').update(data).digest('hex').slice(0, 16)}`;
}

/** fdinfo tells a device as the kernel holds it: major << 20 | minor. */
function deviceOf(text: string): number {
  const dev = parseInt(text, 16);
  const major = dev >>> 20;
  const minor = dev & 0xfffff;
  return (minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12);
}

/** it_value of a timerfd passes. */
function timed(name: string, value: string): string {
  const time = /^\((\d+), (\d+)\)$/.exec(value);
  return name === 'it_value' && time ? remaining(BigInt(time[1]!) * 1_000_000_000n + BigInt(time[2]!)) : value;
}
