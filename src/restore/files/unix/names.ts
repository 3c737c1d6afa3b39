import { AF_UNIX, SA_FAMILY_BYTES } from '../../../kernel/uapi/socket.js';

/** A struct sockaddr_un. @param name a path, or NUL and an abstract name */
export function address(name: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(SA_FAMILY_BYTES + name.length);
  new DataView(bytes.buffer).setUint16(0, AF_UNIX, true);
  bytes.set(name, SA_FAMILY_BYTES);
  return bytes;
}

/** Whether a name is that of a file. */
export const isPath = (name: Uint8Array): boolean => name.length > 0 && name[0] !== 0;

/** A name as bind(2) takes it: a path ends before its NUL. */
export function bindName(name: Uint8Array): Uint8Array {
  const end = name.indexOf(0, 1);
  return isPath(name) && end >= 0 ? name.subarray(0, end) : name;
}

/** A name for people; that of an abstract one begins with @. */
export const shown = (name: Uint8Array): string => Buffer.from(name).toString('utf8').replaceAll('\0', '@');
