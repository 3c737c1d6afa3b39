import { NLMSG_HEADER_BYTES } from './netlink-attribute.js';
// linux/netlink.h (netlink(7)).

export const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;

/** What one datagram of an answer says of the whole. */
export interface AnswerEnd {
  readonly done: boolean;
  /** Why it was refused; 0 where it was not. */
  readonly errno: number;
}

/**
 * Takes one datagram of an answer apart.
 * @param leastBytes of the structure that a message begins with; messages with less are passed over
 * @param add is given the type of each message, and where its structure and attributes are
 */
export function parseAnswer(
  datagram: Uint8Array,
  leastBytes: number,
  add: (type: number, view: DataView, start: number, end: number) => void,
): AnswerEnd {
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  for (let at = 0; at + NLMSG_HEADER_BYTES <= view.byteLength;) {
    const length = view.getUint32(at, true);
    const type = view.getUint16(at + 4, true);
    if (length < NLMSG_HEADER_BYTES || at + length > view.byteLength) break;
    if (type === NLMSG_DONE) return { done: true, errno: 0 };
    if (type === NLMSG_ERROR) return { done: true, errno: -view.getInt32(at + NLMSG_HEADER_BYTES, true) };
    if (length >= NLMSG_HEADER_BYTES + leastBytes) add(type, view, at + NLMSG_HEADER_BYTES, at + length);
    at += (length + 3) & ~3;
  }
  return { done: false, errno: 0 };
}
