import type { CritError } from '../../image/errors.js';
import { parseFdTarget } from '../../kernel/proc/fd-links.js';
import { devMajor, devMinor, S_IFBLK, S_IFCHR, S_IFMT } from '../../kernel/uapi/stat.js';
import { chardev, refusedDevice } from './chardev.js';
import type { Description } from './description.js';
import type { FileEntry } from '../../image/generated/messages.js';
import type { Files } from './files.js';
import type { FileKind, MakeEntry, MakesEntries } from './kind.js';
import { familyOf, isSocket } from './socket-families.js';
import { bpfMap } from './bpf-map.js';
import { mqueue } from './mqueue.js';
import { epoll } from './epoll.js';
import { eventfd } from './eventfd.js';
import { fanotify } from './fanotify.js';
import { fifo } from './fifo.js';
import { inotify } from './inotify.js';
import { ioUring } from './io-uring.js';
import { memfd } from './memfd.js';
import { namespace } from './namespace.js';
import { pidfd } from './pidfd.js';
import { pipe } from './pipe.js';
import { regular } from './regular.js';
import { signalfd } from './signalfd.js';
import { timerfd } from './timerfd.js';
import { tty } from './tty.js';
import { tun } from './tun.js';
import { unsupported } from './unsupported.js';

/** Every kind of file that can be dumped but sockets; the first that matches has it. */
const KINDS: readonly FileKind[] = [
  memfd,
  mqueue,
  regular,
  pipe,
  eventfd,
  epoll,
  timerfd,
  signalfd,
  fifo,
  tty,
  tun,
  inotify,
  fanotify,
  pidfd,
  bpfMap,
  ioUring,
  namespace,
  chardev,
];

/** Names of what the links call "anon_inode:[...]", for people. */
const ANONYMOUS: Record<string, string> = {
  userfaultfd: 'a userfaultfd',
  perf_event: 'a performance counter',
  'bpf-prog': 'a BPF program',
  btf: 'BPF type information',
  'seccomp notify': 'a seccomp listener',
  'landlock-ruleset': 'a Landlock rule set',
  mount: 'a detached mount',
  fscontext: 'a file-system context',
  'kvm-vm': 'a virtual machine',
  'kvm-vcpu': 'a virtual processor',
};

/** The kinds of files in one dump. */
export class Kinds {
  readonly #files: Files;
  readonly #makers = new Map<MakesEntries, MakeEntry>();

  constructor(files: Files) {
    this.#files = files;
  }

  /** What makes the entry of a description. @throws CritError UNSUPPORTED */
  of(file: Description): { readonly type: number; readonly make: MakeEntry } {
    const kind = isSocket(file) ? familyOf(file, this.#files) : KINDS.find((k) => k.matches(file));
    if (!kind) throw refusal(file);
    let make = this.#makers.get(kind);
    if (!make) this.#makers.set(kind, (make = kind.make(this.#files)));
    return { type: kind.type, make };
  }

  /** The order of files.img. */
  order(entries: readonly FileEntry[]): readonly FileEntry[] {
    return [...this.#makers.keys()].reduce((ordered, kind) => kind.order?.(ordered) ?? ordered, entries);
  }
}

function refusal(file: Description): CritError {
  const target = parseFdTarget(file.link);
  if (target.kind === 'anon') return unsupported(file, ANONYMOUS[target.type] ?? `an anonymous "${target.type}"`);
  const type = file.stat.mode & S_IFMT;
  const device = `${devMajor(file.stat.rdev)}:${devMinor(file.stat.rdev)}`;
  if (type === S_IFCHR) return refusedDevice(file, device);
  if (type === S_IFBLK) return unsupported(file, `a block device (${device})`);
  if (target.kind === 'inode') return unsupported(file, `a ${target.type} namespace`);
  return unsupported(file, 'a file of this kind');
}
