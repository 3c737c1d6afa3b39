import { MOST_MAXSEG, TCP_INFO, TCP_INFO_BYTES, TCP_INFO_FIELDS } from '../../kernel/uapi/inet.js';
import { IPPROTO_TCP } from '../../kernel/uapi/socket.js';
import { answer, sysRaw } from '../../native/sys.js';

/** What tcp(7) tells in TCP_INFO, as far as images have it. */
export interface TcpInfo {
  readonly state: number;
  /** TCPI_OPT_* */
  readonly options: number;
  readonly sndScale: number;
  readonly rcvScale: number;
  /** Of a socket that listens: connections that wait, and how many may. */
  readonly waiting: number;
  readonly backlog: number;
  /** The segment size that it has told its last peer; 0 for none. */
  readonly toldSegment: number;
}

/** @throws SysError */
export function tcpInfo(fd: number): TcpInfo {
  const view = new DataView(new ArrayBuffer(TCP_INFO_BYTES));
  const r = sysRaw('getsockopt', fd, IPPROTO_TCP, TCP_INFO, view.buffer, Uint32Array.of(TCP_INFO_BYTES));
  answer('getsockopt', r, [], 'of TCP_INFO');
  const scales = view.getUint8(TCP_INFO_FIELDS.wscale);
  return {
    state: view.getUint8(TCP_INFO_FIELDS.state),
    options: view.getUint8(TCP_INFO_FIELDS.options),
    sndScale: scales & 0xf,
    rcvScale: scales >> 4,
    waiting: view.getUint32(TCP_INFO_FIELDS.unacked, true),
    backlog: view.getUint32(TCP_INFO_FIELDS.sacked, true),
    toldSegment: view.getUint32(TCP_INFO_FIELDS.advmss, true),
  };
}

/**
 * Whether TCP_MAXSEG of a socket without a connection is what was set. One that had a connection tells that one's size of
 * segments where none was set: less than it has told its peer, for its options, or more than can be set.
 */
export const isSetMaxseg = (fd: number, maxseg: number): boolean =>
  maxseg <= MOST_MAXSEG && maxseg >= tcpInfo(fd).toldSegment;
