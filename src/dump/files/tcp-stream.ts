import type { InetSkEntry, TcpStreamEntry } from '../../image/generated/messages.js';
import { ERRNO } from '../../kernel/uapi/errno.js';
import * as I from '../../kernel/uapi/inet.js';
import * as S from '../../kernel/uapi/socket.js';
import { addon } from '../../native/addon.js';
import { sys, SysError } from '../../native/sys.js';
import type { Out, Ref } from '../../task/batch.js';
import { runApart } from '../../task/own.js';
import type { Description } from './description.js';
import { getOption } from './socket-options.js';
import { pollSocket } from './socket-queue.js';
import { tcpInfo } from './tcp-info.js';
import { unsupported } from './unsupported.js';

const int = (value: number) => new Uint8Array(Int32Array.of(value).buffer);

/** An entry of tcp-stream-INODE.img. */
export interface TcpStream {
  readonly message: TcpStreamEntry;
  readonly extra: { readonly inq: Uint8Array; readonly outq: Uint8Array };
}

/**
 * The state of a connection. The network must be locked for it, and its process stand.
 * @param fd crit's own descriptor
 * @param isk gets the state that the connection is in now
 */
export function readTcpStream(file: Description, fd: number, isk: InetSkEntry): TcpStream {
  const info = tcpInfo(fd);
  isk.state = info.state;
  const ready = pollSocket(fd);
  const ended = info.state === S.TCP_CLOSE;
  // asking for it (SO_ERROR) would take it away
  if (ended && ready & S.POLLERR) isk.reset = true;
  const connecting = info.state === S.TCP_SYN_SENT;
  // a FIN counts as a byte
  const fin = I.SENT_FIN.includes(info.state) ? 1 : 0;
  // nobody will have what an ended one has not sent
  const outSize = connecting || ended ? 0 : Math.max(0, ask(fd, S.SIOCOUTQ) - fin);
  const unsent = connecting || ended ? 0 : Math.max(0, ask(fd, S.SIOCOUTQNSD) - fin);
  const { inSize, urgentAt } = connecting ? { inSize: 0 } : receiveQueue(file, fd);
  const state = readInRepair(file, fd, inSize, outSize, urgentAt);
  const message: TcpStreamEntry = {
    inq_len: inSize,
    inq_seq: state.inSeq,
    outq_len: outSize,
    outq_seq: state.outSeq,
    opt_mask: info.options,
    snd_wscale: 0,
    mss_clamp: state.maxSegment,
    unsq_len: unsent,
    ...state.window,
  };
  if (info.options & I.TCPI_OPT.wscale) {
    message.snd_wscale = info.sndScale;
    message.rcv_wscale = info.rcvScale;
  }
  if (urgentAt !== undefined) {
    message.urgent_at = urgentAt;
    if ((ready & S.POLLPRI) === 0) message.urgent_read = true;
  }
  if (info.options & I.TCPI_OPT.timestamps) message.timestamp = getOption(fd, I.TCP_TIMESTAMP, S.IPPROTO_TCP) >>> 0;
  return { message, extra: { inq: state.inq, outq: state.outq } };
}

/** What came before a connection ended can still be read; only what comes back as a connection can be given it. */
export function refuseUnread(file: Description, fd: number): void {
  if (ask(fd, S.SIOCINQ) > 0)
    throw unsupported(
      file,
      'a TCP connection that has ended, with data that nobody has read,',
      'is dumped with --tcp-established only, or without them with --tcp-close',
    );
}

function ask(fd: number, request: number): number {
  const value = new Int32Array(1);
  sys('ioctl', fd, request, value);
  return value[0]!;
}

/**
 * How much there is to be read, and where the urgent byte (MSG_OOB) is in it: as long as that one is no byte like the others
 * (SO_OOBINLINE), SIOCINQ tells what is before it.
 */
function receiveQueue(file: Description, fd: number): { readonly inSize: number; readonly urgentAt?: number } {
  const inline = getOption(fd, S.SO_OOBINLINE);
  let before!: Out, all!: Out, urgent!: Ref;
  const asked: Ref[] = [];
  runApart((b) => {
    b.reserve(6, 128);
    const set = (value: number) => b.tryCall('setsockopt', fd, S.SOL_SOCKET, S.SO_OOBINLINE, int(value), 4);
    [before, all] = [b.out(4), b.out(4)];
    asked.push(set(0), b.tryCall('ioctl', fd, S.SIOCINQ, before));
    urgent = b.tryCall('recvfrom', fd, b.out(1), 1, S.MSG_OOB | S.MSG_PEEK | S.MSG_DONTWAIT, null, null);
    asked.push(set(1), b.tryCall('ioctl', fd, S.SIOCINQ, all), set(inline));
  });
  const failed = asked.find((r) => r.value < 0);
  if (failed) throw new SysError('ioctl', -failed.value, `of SIOCINQ of ${file.where} (${file.link})`);
  if (urgent.value === -ERRNO.EAGAIN)
    throw unsupported(file, 'a TCP connection with an urgent byte (MSG_OOB) that is announced, but not here yet,');
  const [at, inSize] = [before.view.getInt32(0, true), all.view.getInt32(0, true)];
  return at < inSize ? { inSize, urgentAt: at } : { inSize };
}

/**
 * What only repair mode tells. It is left again whatever happens: nothing ends the batch early. Leaving it takes
 * SO_REUSEADDR away, which is set back.
 */
function readInRepair(file: Description, fd: number, inSize: number, outSize: number, urgentAt?: number) {
  const reuse = getOption(fd, S.SO_REUSEADDR);
  const peekOffset = getOption(fd, S.SO_PEEK_OFF);
  const inline = getOption(fd, S.SO_OOBINLINE);
  // reading stops before the urgent byte, and goes on with it
  const stopsAt = urgentAt ? urgentAt : undefined;
  // a byte more than there is to be: it must not be filled
  const queues = [new Uint8Array(inSize + 1), new Uint8Array(outSize + 1)] as const;
  let on!: Ref, off!: Ref, window!: Out, hasWindow!: Ref, maxSegment!: Out, hasSegment!: Ref;
  let parts: { queue: Ref; seq: Out; asked: Ref; read: Ref[] }[] = [];
  runApart((b) => {
    b.reserve(32, 1024);
    const set = (option: number, value: number) => b.tryCall('setsockopt', fd, S.IPPROTO_TCP, option, int(value), 4);
    const peek = (value: number) => b.tryCall('setsockopt', fd, S.SOL_SOCKET, S.SO_PEEK_OFF, int(value), 4);
    const setInline = (value: number) => b.tryCall('setsockopt', fd, S.SOL_SOCKET, S.SO_OOBINLINE, int(value), 4);
    if (peekOffset !== -1) peek(-1);
    if (urgentAt !== undefined) setInline(1);
    on = set(I.TCP_REPAIR, I.REPAIR_ON);
    parts = [I.RECV_QUEUE, I.SEND_QUEUE].map((number, i) => {
      const queue = set(I.TCP_REPAIR_QUEUE, number);
      const seq = b.out(4);
      const asked = b.tryCall('getsockopt', fd, S.IPPROTO_TCP, I.TCP_QUEUE_SEQ, seq, int32(b, 4));
      const room = queues[i]!;
      const readFrom = (at: number) =>
        b.tryCall(
          'recvfrom',
          fd,
          addon().addressOf(room) + BigInt(at),
          room.length - at,
          S.MSG_PEEK | S.MSG_DONTWAIT,
          null,
          null,
        );
      const read = room.length > 1 ? [readFrom(0)] : [];
      if (number === I.RECV_QUEUE && stopsAt !== undefined) {
        peek(stopsAt);
        read.push(readFrom(stopsAt));
        peek(-1);
      }
      return { queue, seq, asked, read };
    });
    set(I.TCP_REPAIR_QUEUE, I.NO_QUEUE);
    window = b.out(I.REPAIR_WINDOW_BYTES);
    hasWindow = b.tryCall(
      'getsockopt',
      fd,
      S.IPPROTO_TCP,
      I.TCP_REPAIR_WINDOW,
      window,
      int32(b, I.REPAIR_WINDOW_BYTES),
    );
    // what the other end takes; else it tells what fits besides the options of TCP
    maxSegment = b.out(4);
    hasSegment = b.tryCall('getsockopt', fd, S.IPPROTO_TCP, I.TCP_MAXSEG, maxSegment, int32(b, 4));
    off = set(I.TCP_REPAIR, I.REPAIR_OFF_SILENTLY);
    b.tryCall('setsockopt', fd, S.SOL_SOCKET, S.SO_REUSEADDR, int(reuse), 4);
    if (peekOffset !== -1) peek(peekOffset);
    if (urgentAt !== undefined) setInline(inline);
  });
  const failed = [on, off, hasWindow, hasSegment, ...parts.flatMap(({ queue, asked }) => [queue, asked])].find(
    (r) => r.value < 0,
  );
  if (failed) throw new SysError('setsockopt', -failed.value, `in repair mode of ${file.where} (${file.link})`);
  parts.forEach(({ read }, i) => {
    const want = queues[i]!.length - 1;
    const got = read.reduce((sum, { value }) => sum + Math.max(0, value), 0);
    if (got !== want)
      throw unsupported(file, `a TCP connection with ${want} bytes in a queue, of which ${got} can be read,`);
  });
  const field = (at: number) => window.view.getUint32(at, true);
  return {
    inSeq: parts[0]!.seq.view.getUint32(0, true),
    outSeq: parts[1]!.seq.view.getUint32(0, true),
    maxSegment: maxSegment.view.getUint32(0, true),
    inq: queues[0].subarray(0, inSize),
    outq: queues[1].subarray(0, outSize),
    window: { snd_wl1: field(0), snd_wnd: field(4), max_window: field(8), rcv_wnd: field(12), rcv_wup: field(16) },
  };
}

/** A length that the kernel writes to. */
const int32 = (b: { bytes(init: Uint8Array): Out }, value: number) => b.bytes(int(value));
