import { parseAnswer, type AnswerEnd } from './netlink-answer.js';
import { NLATTR_HEADER_BYTES, NLMSG_HEADER_BYTES } from './netlink-attribute.js';
// linux/sock_diag.h, linux/netlink.h (sock_diag(7)): what the requests for sockets of all families have in common.

const SOCK_DIAG_BY_FAMILY = 20;
const NLM_F_REQUEST = 1;
const NLM_F_DUMP = 0x300;

/**
 * A request for all sockets of a family, to be sent to NETLINK_SOCK_DIAG.
 * @param bodyBytes of the family's own structure @param fill is given that structure
 */
export function diagRequest(bodyBytes: number, fill: (body: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(NLMSG_HEADER_BYTES + bodyBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, SOCK_DIAG_BY_FAMILY, true);
  view.setUint16(6, NLM_F_REQUEST | NLM_F_DUMP, true);
  fill(new DataView(bytes.buffer, NLMSG_HEADER_BYTES));
  return bytes;
}

/**
 * Takes one datagram of an answer apart.
 * @param leastBytes of a socket's structure; shorter ones are passed over
 * @param add is given where the structure and its attributes are
 * @returns the errno of a refusal, or whether the answer is complete
 */
export const parseDiag = (
  datagram: Uint8Array,
  leastBytes: number,
  add: (view: DataView, start: number, end: number) => void,
): AnswerEnd =>
  parseAnswer(datagram, leastBytes, (type, view, start, end) => {
    if (type === SOCK_DIAG_BY_FAMILY) add(view, start, end);
  });

/** The attributes behind a structure, as far as they are whole. */
export function* diagAttributes(
  view: DataView,
  start: number,
  end: number,
): Generator<{ readonly type: number; readonly value: DataView }> {
  for (let at = start; at + NLATTR_HEADER_BYTES <= end;) {
    const length = view.getUint16(at, true);
    if (length < NLATTR_HEADER_BYTES || at + length > end) return;
    const value = new DataView(view.buffer, view.byteOffset + at + NLATTR_HEADER_BYTES, length - NLATTR_HEADER_BYTES);
    yield { type: view.getUint16(at + 2, true), value };
    at += (length + 3) & ~3;
  }
}
