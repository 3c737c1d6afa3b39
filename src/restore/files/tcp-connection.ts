import { closeSync } from 'node:fs';
import { imageFileName } from '../../image/catalogue.js';
import { CritError } from '../../image/errors.js';
import type { InetSkEntry, TcpStreamEntry } from '../../image/generated/messages.js';
import { errnoWords } from '../../kernel/uapi/errno.js';
import { F_SETFL } from '../../kernel/uapi/open-flags.js';
import * as I from '../../kernel/uapi/inet.js';
import { inetAddressBytes } from '../../kernel/uapi/sockaddr.js';
import * as S from '../../kernel/uapi/socket.js';
import { addon } from '../../native/addon.js';
import { pollFd } from '../../native/poll.js';
import { sys, sysRaw } from '../../native/sys.js';
import type { Batch } from '../../task/batch.js';
import type { Files } from './group.js';
import { isMapped, peerAddress } from './inet-address.js';
import { setInt } from './inet-options.js';
import { FLAG, rawSegment, sendSegment, type RawSegment, type Segment } from './tcp-segment.js';
import type { TimeWait } from './time-wait.js';

/** The most that SO_SNDBUFFORCE takes. */
const LARGEST_BUFFER = 0x3fffffff;
/** What TCP_MAXSEG takes at least (net/tcp.h: TCP_MIN_MSS). */
const LEAST_MAXSEG = 88;
/** Room for a segment. */
const SMALL_WINDOW = 0xffff;
/** How long a segment may take on this machine. */
const END_MS = 1000;
/** One allocation of the kernel's for each piece of a queue. */
const PIECE_BYTES = 32 << 10;
/** Of InetSkEntry.shutdown. */
const SHUTDOWN_READ = 1;
const int = (value: number) => new Uint8Array(Int32Array.of(value).buffer);

/** A TCP connection that comes back by repair mode (tcp(7), TCP_REPAIR; linux/tcp.h). */
export class TcpConnection {
  readonly isk: InetSkEntry;
  readonly #files: Files;
  readonly #stream: TcpStreamEntry;
  readonly #inq: Uint8Array;
  readonly #outq: Uint8Array;
  /** It has ended, and the kernel remembers it: that is to stay so. */
  readonly #remembered: boolean;
  #lateFin: RawSegment | undefined;
  #fd = -1;

  /** @throws CritError MISSING_IMAGE, BAD_IMAGE */
  constructor(files: Files, isk: InetSkEntry, timeWait: TimeWait) {
    this.isk = isk;
    this.#files = files;
    const name = imageFileName('TCP_STREAM', isk.ino);
    const entry = files.images.dir.read('TCP_STREAM', isk.ino).entries[0];
    if (!entry) throw new CritError(`${name}: there is no entry`, { code: 'BAD_IMAGE' });
    this.#stream = entry.message;
    const { inq, outq } = (entry.extra ?? {}) as { inq?: Uint8Array; outq?: Uint8Array };
    this.#inq = inq ?? new Uint8Array(0);
    this.#outq = (isk.state === S.TCP_CLOSE ? undefined : outq) ?? new Uint8Array(0);
    this.#remembered = this.#ended && !isk.reset && timeWait.has(isk);
    const { unsq_len = 0, outq_len } = this.#stream;
    const { urgent_at } = this.#stream;
    if (urgent_at !== undefined && urgent_at >= this.#inq.length)
      throw new CritError(`${name}: entries[0].urgent_at: ${urgent_at} of ${this.#inq.length} bytes`, {
        code: 'BAD_IMAGE',
      });
    if (unsq_len > outq_len)
      throw new CritError(`${name}: entries[0].unsq_len: ${unsq_len} of ${outq_len} bytes`, { code: 'BAD_IMAGE' });
  }

  get #connecting(): boolean {
    return this.isk.state === S.TCP_SYN_SENT;
  }

  get #ended(): boolean {
    return this.isk.state === S.TCP_CLOSE;
  }

  get #sentFin(): boolean {
    return I.SENT_FIN.includes(this.isk.state) || this.#remembered;
  }

  get #receivedFin(): boolean {
    return I.RECEIVED_FIN.includes(this.isk.state) || this.#remembered;
  }

  /** What the other end has sent last is told to it by a segment of crit's own. */
  get needsLoopback(): boolean {
    const urgent = this.#stream.urgent_at !== undefined;
    return urgent || this.#receivedFin || this.isk.state === S.TCP_FIN_WAIT2 || this.#ended;
  }

  /** Sequence numbers without the FINs that they count. */
  get #inSeq(): number {
    return (this.#stream.inq_seq - (this.#receivedFin ? 1 : 0)) >>> 0;
  }

  get #outSeq(): number {
    return (this.#stream.outq_seq - (this.#sentFin ? 1 : 0)) >>> 0;
  }

  /** Before it is bound. */
  begin(b: Batch, slot: number): void {
    setInt(b, slot, S.IPPROTO_TCP, I.TCP_REPAIR, I.REPAIR_ON);
  }

  /** When it is bound: nothing is sent. */
  connect(b: Batch, slot: number): void {
    const set = (option: number, value: Uint8Array) =>
      b.call('setsockopt', slot, S.IPPROTO_TCP, option, value, value.length);
    const seq = (queue: number, number: number) => {
      set(I.TCP_REPAIR_QUEUE, int(queue));
      set(I.TCP_QUEUE_SEQ, int(number | 0));
    };
    const { inq_len, outq_len, opt_mask, snd_wscale, rcv_wscale = 0, mss_clamp, timestamp } = this.#stream;
    set(I.TCP_REPAIR_QUEUE, int(I.RECV_QUEUE));
    seq(I.RECV_QUEUE, this.#inSeq - inq_len);
    seq(I.SEND_QUEUE, this.#outSeq - outq_len - (this.#connecting ? 1 : 0));
    set(I.TCP_REPAIR_QUEUE, int(I.NO_QUEUE));
    if (timestamp !== undefined && opt_mask & I.TCPI_OPT.timestamps && this.#connecting)
      set(I.TCP_TIMESTAMP, int(timestamp | 0));
    // its SYN is sent when all is there
    if (this.#connecting) return;
    const peer = peerAddress(this.isk);
    const to = inetAddressBytes(peer);
    const six = this.isk.family === S.AF_INET6 && !isMapped(peer.words);
    // the size of segments is worked out now, and for IPv4 again when all is known
    if (six) set(I.TCP_MAXSEG, int(Math.max(LEAST_MAXSEG, Math.min(mss_clamp, I.MOST_MAXSEG))));
    b.call('connect', slot, to, to.length);
    if (six) set(I.TCP_MAXSEG, int(0));
    const options: [number, number][] = [[I.TCPOPT.maxseg, mss_clamp]];
    if (opt_mask & I.TCPI_OPT.sack) options.push([I.TCPOPT.sack, 0]);
    if (opt_mask & I.TCPI_OPT.wscale) options.push([I.TCPOPT.window, snd_wscale + (rcv_wscale << 16)]);
    if (opt_mask & I.TCPI_OPT.timestamps) options.push([I.TCPOPT.timestamp, 0]);
    set(I.TCP_REPAIR_OPTIONS, new Uint8Array(Uint32Array.from(options.flat()).buffer));
    if (timestamp !== undefined && opt_mask & I.TCPI_OPT.timestamps) set(I.TCP_TIMESTAMP, int(timestamp | 0));
  }

  /** Its queues and windows. */
  fill(): void {
    this.#fd = this.#files.take(this.#files.slot(this.isk.id));
    if (this.#connecting) return;
    const fd = this.#fd;
    sys('setsockopt', fd, S.SOL_SOCKET, S.SO_RCVBUFFORCE, Int32Array.of(LARGEST_BUFFER), 4);
    sys('setsockopt', fd, S.SOL_SOCKET, S.SO_SNDBUFFORCE, Int32Array.of(LARGEST_BUFFER), 4);
    const { urgent_at } = this.#stream;
    this.#put(I.RECV_QUEUE, this.#inq.subarray(0, urgent_at));
    if (urgent_at !== undefined) {
      this.#urgent(urgent_at);
      this.#put(I.RECV_QUEUE, this.#inq.subarray(urgent_at + 1));
    }
    this.#put(I.SEND_QUEUE, this.#outq.subarray(0, this.#sentBytes));
    this.#queue(I.NO_QUEUE);
    const { snd_wl1, snd_wnd = 0, max_window = 0, rcv_wnd = 0, rcv_wup = 0 } = this.#stream;
    if (snd_wl1 === undefined) return;
    // of a FIN that comes yet
    const fin = this.#receivedFin ? 1 : 0;
    const window = Uint32Array.of(snd_wl1, snd_wnd, max_window, rcv_wnd + fin, rcv_wup - fin);
    sys('setsockopt', fd, S.IPPROTO_TCP, I.TCP_REPAIR_WINDOW, window, window.byteLength);
    // they take room in each segment: so its size is worked out
    if (!this.isk.ip_opts?.options?.length) sysRaw('setsockopt', fd, S.IPPROTO_IP, I.IP_OPTIONS, null, 0);
  }

  /** An urgent byte is one only when it comes in a segment; nobody owns the socket yet who would be sent a SIGURG. */
  #urgent(at: number): void {
    const seq = (this.#inSeq - this.#inq.length + at) >>> 0;
    const { outq_len, snd_wnd = 0, max_window = 0, snd_wscale } = this.#stream;
    this.#queue(I.NO_QUEUE);
    const window = Uint32Array.of(seq, snd_wnd, max_window, SMALL_WINDOW, seq);
    sys('setsockopt', this.#fd, S.IPPROTO_TCP, I.TCP_REPAIR_WINDOW, window, window.byteLength);
    sendSegment(this.isk, {
      seq,
      ack: (this.#outSeq - outq_len) >>> 0,
      flag: FLAG.urg,
      window: Math.min(0xffff, snd_wnd >>> snd_wscale),
      data: this.#inq.subarray(at, at + 1),
    });
    if ((pollFd(this.#fd, S.POLLPRI, END_MS) & S.POLLPRI) === 0)
      throw new CritError(
        `TCP socket ${this.isk.ino} does not get its urgent byte: a firewall takes segments from itself to itself`,
        { code: 'SOCKET_DATA' },
      );
    if (this.#stream.urgent_read)
      sys('recvfrom', this.#fd, new Uint8Array(1), 1, S.MSG_OOB | S.MSG_DONTWAIT, null, null);
  }

  get #sentBytes(): number {
    return this.#outq.length - (this.#stream.unsq_len ?? 0);
  }

  #queue(number: number): void {
    sys('setsockopt', this.#fd, S.IPPROTO_TCP, I.TCP_REPAIR_QUEUE, Int32Array.of(number), 4);
  }

  #put(queue: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#queue(queue);
    for (let at = 0; at < bytes.length;) {
      const piece = bytes.subarray(at, at + PIECE_BYTES);
      const n = sysRaw('sendto', this.#fd, piece, piece.length, S.MSG_DONTWAIT | S.MSG_NOSIGNAL, null, 0);
      if (n <= 0)
        throw new CritError(
          `TCP socket ${this.isk.ino} does not take the ${bytes.length} bytes of its queue: ${errnoWords(-n)}`,
          { code: 'SOCKET_DATA' },
        );
      at += n;
    }
  }

  /** FINs: of its own, when it is sent; of the other end. */
  fillEnds(): void {
    const { state } = this.isk;
    if (this.#ended) {
      this.#end();
      return;
    }
    const first = state === S.TCP_FIN_WAIT1 || state === S.TCP_FIN_WAIT2 || state === S.TCP_CLOSING;
    if (first && this.#allSent) this.#shutdown();
    if (state === S.TCP_CLOSING && !this.#allSent) {
      // its own comes first, when what is before it can be sent
      this.#lateFin = rawSegment(this.isk, this.#segment({ fin: true }));
      return;
    }
    if (this.#receivedFin) {
      this.#receive({ fin: true });
      if ((pollFd(this.#fd, S.POLLRDHUP, 0) & S.POLLRDHUP) === 0)
        this.#files.ctx.log.warn(
          `TCP socket ${this.isk.ino}: a firewall takes segments from this machine to itself: its stream ends, but in another state (TCP_INFO)`,
        );
    }
    if (this.#sentFin && !first && this.#allSent) this.#shutdown();
    if (state === S.TCP_FIN_WAIT2) this.#receive({ fin: false });
    // where no FIN did it
    if (this.#connecting) return;
    if (this.#receivedFin || (this.isk.shutdown ?? 0) & SHUTDOWN_READ) sys('shutdown', this.#fd, S.SHUT_RD);
  }

  /** A reset ends a connection, and leaves what it has received; so do both FINs, and the kernel remembers it. */
  #end(): void {
    if (this.#remembered) {
      this.#shutdown();
      this.#receive({ fin: false });
      this.#receive({ fin: true });
      if (pollFd(this.#fd, 0, END_MS) > 0) return;
    }
    sendSegment(this.isk, { seq: this.#inSeq, ack: this.#outSeq, flag: FLAG.rst, window: 0 });
    // it is told of its own machine, but where packets have to wait
    if (pollFd(this.#fd, 0, END_MS) <= 0)
      throw new CritError(`TCP socket ${this.isk.ino} does not end: a firewall takes segments from itself to itself`, {
        code: 'SOCKET_DATA',
      });
    if (!this.isk.reset) sys('getsockopt', this.#fd, S.SOL_SOCKET, S.SO_ERROR, new Int32Array(1), Uint32Array.of(4));
  }

  get #allSent(): boolean {
    return this.#sentBytes === this.#outq.length;
  }

  /** In the queue of what was sent, a FIN counts as sent. */
  #shutdown(): void {
    this.#queue(I.SEND_QUEUE);
    sys('shutdown', this.#fd, S.SHUT_WR);
    this.#queue(I.NO_QUEUE);
  }

  /** Has it receive a FIN, or that its own has arrived. */
  #receive(what: { fin: boolean }): void {
    sendSegment(this.isk, this.#segment(what));
  }

  #segment({ fin }: { fin: boolean }): Segment {
    const { outq_len, outq_seq, snd_wnd = 0, snd_wscale } = this.#stream;
    return {
      seq: this.#inSeq,
      ack: fin ? (this.#outSeq - outq_len) >>> 0 : outq_seq,
      flag: fin ? FLAG.fin : 0,
      window: Math.min(0xffff, snd_wnd >>> snd_wscale),
    };
  }

  /** Together with the commit: from now on it is a connection like any other. */
  commit(b: Batch): void {
    const fd = this.#fd;
    const { opts, flags } = this.isk;
    const set = (level: number, option: number, value: number) =>
      b.tryCall('setsockopt', fd, level, option, int(value), 4);
    b.reserve(20, 1024);
    const unsent = this.#outq.subarray(this.#sentBytes);
    if (unsent.length > 0) set(S.SOL_SOCKET, S.SO_SNDBUFFORCE, LARGEST_BUFFER);
    set(S.IPPROTO_TCP, I.TCP_REPAIR, this.#connecting ? I.REPAIR_OFF_SILENTLY : I.REPAIR_OFF);
    set(S.SOL_SOCKET, S.SO_REUSEADDR, Number(opts.reuseaddr ?? false));
    if (this.#connecting) {
      const to = inetAddressBytes(peerAddress(this.isk));
      b.tryCall('fcntl', fd, F_SETFL, flags | S.SOCK_NONBLOCK);
      b.tryCall('connect', fd, to, to.length);
      b.tryCall('fcntl', fd, F_SETFL, flags);
    }
    if (unsent.length > 0) {
      b.tryCall('sendto', fd, addon().addressOf(unsent), unsent.length, S.MSG_DONTWAIT | S.MSG_NOSIGNAL, null, 0);
      set(S.SOL_SOCKET, S.SO_SNDBUFFORCE, opts.so_sndbuf >>> 1);
      set(S.SOL_SOCKET, S.SO_BUF_LOCK, opts.so_buf_lock ?? 0);
      if (this.#sentFin) b.tryCall('shutdown', fd, S.SHUT_WR);
    }
    if (this.#lateFin) {
      const { socket, packet, to } = this.#lateFin;
      b.tryCall('sendto', socket, packet, packet.length, 0, to, to.length);
      b.tryCall('shutdown', fd, S.SHUT_RD);
      b.tryCall('close', socket);
    }
    b.tryCall('close', fd);
  }

  /** After a failure: closing it in repair mode sends nothing. */
  letGo(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
    if (this.#lateFin) closeSync(this.#lateFin.socket);
    this.#lateFin = undefined;
  }
}
