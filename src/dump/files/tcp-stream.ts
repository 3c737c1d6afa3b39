import type { InetSkEntry, TcpStreamEntry } from '../../image/generated/messages.js';
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
  if (ready & S.POLLPRI) throw unsupported(file, 'a TCP connection with an urgent byte (MSG_OOB)');
  const connecting = info.state === S.TCP_SYN_SENT;
  // a FIN counts as a byte
  const fin = I.SENT_FIN.includes(info.state) ? 1 : 0;
  // nobody will have what an ended one has not sent
  const outSize = connecting || ended ? 0 : Math.max(0, ask(fd, S.SIOCOUTQ) - fin);
  const unsent = connecting || ended ? 0 : Math.max(0, ask(fd, S.SIOCOUTQNSD) - fin);
  const inSize = connecting ? 0 : ask(fd, S.SIOCINQ);
  const state = readInRepair(file, fd, inSize, outSize);
  const message: TcpStreamEntry = {
    inq_len: inSize,
    inq_seq: state.inSeq,
    outq_len: outSize,
    outq_seq: state.outSeq,
    opt_mask: info.options,
    snd_wscale: 0,
    mss_clamp: getOption(fd, I.TCP_MAXSEG, S.IPPROTO_TCP),
    unsq_len: unsent,
    ...state.window,
  };
  if (info.options & I.TCPI_OPT.wscale) {
    message.snd_wscale = info.sndScale;
    message.rcv_wscale = info.rcvScale;
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
 * What only repair mode tells. It is left again whatever happens: nothing ends the batch early. Leaving it takes
 * SO_REUSEADDR away, which is set back.
 */
function readInRepair(file: Description, fd: number, inSize: number, outSize: number) {
  const reuse = getOption(fd, S.SO_REUSEADDR);
  const peekOffset = getOption(fd, S.SO_PEEK_OFF);
  // a byte more than there is to be: it must not be filled
  const queues = [new Uint8Array(inSize + 1), new Uint8Array(outSize + 1)] as const;
  let on!: Ref, off!: Ref, window!: Out, hasWindow!: Ref;
  let parts: { queue: Ref; seq: Out; asked: Ref; read: Ref | undefined }[] = [];
  runApart((b) => {
    b.reserve(24, 1024);
    const set = (option: number, value: number) => b.tryCall('setsockopt', fd, S.IPPROTO_TCP, option, int(value), 4);
    const peek = (value: number) => b.tryCall('setsockopt', fd, S.SOL_SOCKET, S.SO_PEEK_OFF, int(value), 4);
    if (peekOffset !== -1) peek(-1);
    on = set(I.TCP_REPAIR, I.REPAIR_ON);
    parts = [I.RECV_QUEUE, I.SEND_QUEUE].map((number, i) => {
      const queue = set(I.TCP_REPAIR_QUEUE, number);
      const seq = b.out(4);
      const asked = b.tryCall('getsockopt', fd, S.IPPROTO_TCP, I.TCP_QUEUE_SEQ, seq, int32(b, 4));
      const room = queues[i]!;
      const read =
        room.length > 1
          ? b.tryCall('recvfrom', fd, addon().addressOf(room), room.length, S.MSG_PEEK | S.MSG_DONTWAIT, null, null)
          : undefined;
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
    off = set(I.TCP_REPAIR, I.REPAIR_OFF_SILENTLY);
    b.tryCall('setsockopt', fd, S.SOL_SOCKET, S.SO_REUSEADDR, int(reuse), 4);
    if (peekOffset !== -1) peek(peekOffset);
  });
  const failed = [on, off, hasWindow, ...parts.flatMap(({ queue, asked }) => [queue, asked])].find((r) => r.value < 0);
  if (failed) throw new SysError('setsockopt', -failed.value, `in repair mode of ${file.where} (${file.link})`);
  parts.forEach(({ read }, i) => {
    const want = queues[i]!.length - 1;
    if (read && read.value !== want)
      throw unsupported(
        file,
        `a TCP connection with ${want} bytes in a queue, of which ${Math.max(0, read.value)} can be read (urgent data?),`,
      );
  });
  const field = (at: number) => window.view.getUint32(at, true);
  return {
    inSeq: parts[0]!.seq.view.getUint32(0, true),
    outSeq: parts[1]!.seq.view.getUint32(0, true),
    inq: queues[0].subarray(0, inSize),
    outq: queues[1].subarray(0, outSize),
    window: { snd_wl1: field(0), snd_wnd: field(4), max_window: field(8), rcv_wnd: field(12), rcv_wup: field(16) },
  };
}

/** A length that the kernel writes to. */
const int32 = (b: { bytes(init: Uint8Array): Out }, value: number) => b.bytes(int(value));
