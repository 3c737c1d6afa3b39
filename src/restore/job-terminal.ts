import type { ImageDir } from '../encode/image-dir.js';
import { seenByCrit, type Pid } from '../image/pid.js';
import type { TtyInfoEntry } from '../image/generated/messages.js';
import { externalTerminal, type InheritedFds } from '../image/external.js';
import { isDeviceTerminal, outerTerminals } from '../image/terminals.js';
import {
  TCGETS,
  TCSETS,
  TERMIOS_BYTES,
  TIOCGPGRP,
  TIOCGWINSZ,
  TIOCSPGRP,
  TIOCSWINSZ,
  WINSIZE_BYTES,
} from '../kernel/uapi/ioctl.js';
import { sysRaw } from '../native/sys.js';
import { fromBackground } from './from-background.js';
import { termiosBytes, winsizeBytes } from './termios-bytes.js';

/** What a terminal has of whoever is in its foreground. */
interface State {
  readonly termios: Uint8Array;
  readonly size: Uint8Array;
  readonly group: Pid;
}

type JobState = Partial<State> & Pick<State, 'group'>;

/** A descriptor of crit's terminal. */
export function ownTerminal(): number | undefined {
  return [0, 1, 2].find((fd) => sysRaw('ioctl', fd, TCGETS, new Uint8Array(64)) >= 0);
}

/**
 * The terminal that a shell job shares with crit and the shell behind it. Settings belong to the terminal, not to a
 * process: a job that comes back finds what it had set, in the foreground, and when it stops or ends the shell finds what
 * it had.
 */
export class JobTerminal {
  readonly #fd: number;
  /** The groups of the tree, the root's first. */
  readonly #groups: readonly Pid[];
  /** As the job had it; what it had is not known of one that was in the background, where another's settings are. */
  #job: JobState;
  /** As the shell had it, while the job has it. */
  #shell: State | undefined;

  private constructor(fd: number, groups: readonly Pid[], job: JobState) {
    this.#fd = fd;
    this.#groups = groups;
    this.#job = job;
  }

  /** @returns undefined where the images have no terminal, or crit is on none */
  static of(images: ImageDir, inheritFds: InheritedFds): JobTerminal | undefined {
    const fd = ownTerminal();
    const entries = images.read('PSTREE').entries.map(({ message }) => message);
    const [info] = outerTerminals(
      images.messages('TTY_INFO') ?? [],
      (one) =>
        inheritFds.has(externalTerminal(one)) || (isDeviceTerminal(one) && entries.some(({ pid }) => pid === one.sid)),
    );
    if (!info?.termios || fd === undefined) return undefined;
    const root = entries.find(({ ppid }) => ppid === 0);
    if (!root) return undefined;
    const groups = [root, ...entries.filter(({ sid }) => sid === root.sid)].map(({ pgid }) => seenByCrit(pgid));
    return new JobTerminal(fd, groups, stateOf(info, groups));
  }

  /** The job's root is in the group that crit is in. */
  #shared(): boolean {
    return sysRaw('getpgid', this.#groups[0]!) === sysRaw('getpgid', 0);
  }

  /** Gives the terminal to the job, if crit has it: a job in the background stays there. */
  handOver(): void {
    if (this.#shell) return;
    const own = sysRaw('getpgid', 0);
    const now = this.#read();
    // -ENOTTY: not crit's controlling terminal, so that there is no foreground for it
    if (!now || (now.group > 0 && now.group !== own)) return;
    this.#shell = now;
    const job = { ...now, ...this.#job };
    this.#job = job;
    this.#write(job, this.#shared() ? own : job.group);
  }

  /** Gives it back to the shell's job, which crit is: as it was, but for a size that changed meanwhile. */
  takeBack(): void {
    const shell = this.#shell;
    if (!shell) return;
    this.#shell = undefined;
    const now = this.#read();
    if (!now) return;
    const resized = !Buffer.from(now.size).equals(this.#job.size ?? now.size);
    const group = this.#groups.includes(now.group) ? now.group : this.#job.group;
    this.#job = { ...now, group };
    this.#write(resized ? { ...shell, size: now.size } : shell, sysRaw('getpgid', 0));
  }

  #read(): State | undefined {
    const termios = new Uint8Array(TERMIOS_BYTES);
    const size = new Uint8Array(WINSIZE_BYTES);
    const group = new Int32Array(1);
    if (sysRaw('ioctl', this.#fd, TCGETS, termios) < 0) return undefined;
    sysRaw('ioctl', this.#fd, TIOCGWINSZ, size);
    const r = sysRaw('ioctl', this.#fd, TIOCGPGRP, group);
    return { termios, size, group: r < 0 ? r : group[0]! };
  }

  #write(state: State, group: Pid): void {
    fromBackground(() => {
      sysRaw('ioctl', this.#fd, TIOCSPGRP, Int32Array.of(group));
      sysRaw('ioctl', this.#fd, TCSETS, state.termios);
      sysRaw('ioctl', this.#fd, TIOCSWINSZ, state.size);
    });
  }
}

function stateOf(info: TtyInfoEntry, groups: readonly Pid[]): JobState {
  const pgrp = seenByCrit(info.pgrp);
  if (!groups.includes(pgrp)) return { group: groups[0]! };
  return {
    termios: termiosBytes(info.termios!),
    size: info.winsize ? winsizeBytes(info.winsize) : new Uint8Array(WINSIZE_BYTES),
    // an interactive shell has put one of its own jobs there
    group: pgrp,
  };
}
