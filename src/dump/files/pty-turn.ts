import { TCSETS2, FIONREAD, TIOCPKT } from '../../kernel/uapi/ioctl.js';
import { F_SETFL, O_NONBLOCK } from '../../kernel/uapi/open-flags.js';
import { POLLIN } from '../../kernel/uapi/socket.js';
import { pollfd } from '../../native/poll.js';
import { quiet, type Typing } from '../../kernel/line-input.js';
import type { Batch, Out, Ref } from '../../task/batch.js';

/** The buffer of the line discipline (N_TTY_BUF_SIZE of n_tty.c). */
const HELD_BYTES = 4096;
/**
 * From here on there may be more before that buffer. It fits there again or not, by what pieces it was written in, so that
 * it cannot be taken.
 */
export const FULL_BYTES = 4000;

/** An end of a terminal in the process that works. */
interface End {
  readonly fd: number;
  /** F_GETFL of the description. */
  readonly flags: number;
}

/** What is turned over. */
export interface Turn {
  readonly master: End;
  readonly slave: End;
  /** Settings of the terminal: struct termios2. */
  readonly termios: Uint8Array;
  readonly packets: boolean;
  /** Settings by which the input is put back. */
  readonly back: Uint8Array;
  /** What is put back in place of what the line discipline held. */
  readonly typing?: Typing | undefined;
}

/** What was there. */
export interface Turned {
  readonly input: Uint8Array;
  readonly output: Uint8Array;
  /** Bytes that could not be put back. */
  readonly lost: number;
}

/**
 * Takes all that waits at both ends of a terminal and puts it back: there is no other way to see it. It is one batch, of
 * which a process makes all or nothing, whether crit lives or not: whoever reads later finds what was there.
 *
 * 1. Nothing waits any more, nothing is echoed or translated.
 * 2. What waits is read and put back. Input is typed again; before the line is set back to what it was, the kernel's worker
 *    gets time to bring it through.
 *
 * @returns reads the answers when the batch was run
 */
export function turnOver(b: Batch, { master, slave, termios, packets, back, typing }: Turn): () => Turned {
  b.reserve(40, 2 * HELD_BYTES + 10_240);
  const set = (to: Uint8Array) => b.tryCall('ioctl', master.fd, TCSETS2, to);
  const flags = (end: End, more: number) => b.tryCall('fcntl', end.fd, F_SETFL, end.flags | more);
  const take = (fd: number) => {
    const bytes = b.out(HELD_BYTES);
    return { bytes, got: b.tryCall('read', fd, bytes, HELD_BYTES) };
  };
  if (packets) b.tryCall('ioctl', master.fd, TIOCPKT, new Uint8Array(4));
  flags(master, O_NONBLOCK);
  flags(slave, O_NONBLOCK);
  set(quiet(termios));
  const held = b.out(4);
  b.tryCall('ioctl', slave.fd, FIONREAD, held);
  const output = take(master.fd);
  const putOutput = b.tryCall('write', slave.fd, output.bytes, output.got);
  const input = take(slave.fd);
  set(typing?.termios ?? back);
  const putInput = typing
    ? b.tryCall('write', master.fd, typing.bytes, typing.bytes.length)
    : b.tryCall('write', master.fd, input.bytes, input.got);
  settle(b, slave.fd, held);
  set(termios);
  flags(slave, 0);
  flags(master, 0);
  if (packets) b.tryCall('ioctl', master.fd, TIOCPKT, new Uint8Array(Int32Array.of(1).buffer));
  // the process may say anything
  const size = (n: Ref) => Math.min(Math.max(n.value, 0), HELD_BYTES);
  return () => ({
    input: input.bytes.bytes.slice(0, size(input.got)),
    output: output.bytes.bytes.slice(0, size(output.got)),
    lost: size(output.got) - size(putOutput) + (typing ? 0 : size(input.got) - size(putInput)),
  });
}

/**
 * Waits until what was written to the master is through the line discipline: poll(2) of a slave without input waits for the
 * worker, which works on pieces of some KiB; between two of them it gets time, as many nanoseconds as there are bytes and
 * what the kernel adds; none where there are none.
 */
function settle(b: Batch, slave: number, held: Out): void {
  const poll = b.bytes(pollfd(slave, POLLIN));
  const time = b.out(16);
  b.call('copy', time.address + 8, held, 4);
  for (let i = 0; i < 4; i++) {
    b.tryCall('ppoll', poll, 1, b.out(16), null, 0);
    b.tryCall('nanosleep', time, null);
  }
}
