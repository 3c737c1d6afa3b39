import { gunzipSync } from 'node:zlib';
import type { ImageType } from '../../image/catalogue.js';
import { CritError } from '../../image/errors.js';
import { NLMSG_HEADER_BYTES } from '../../kernel/netlink/netlink-attribute.js';
import { readAt, type ImageStore } from '../../image/image-store.js';

/** More is not read into memory. */
const MAX_BYTES = 16 << 20;
/** What an archive may unpack to while it is tried. */
const MAX_UNPACKED_BYTES = 64 << 20;
const NETLINK: readonly ImageType[] = ['IFADDR', 'ROUTE', 'ROUTE6', 'RULE', 'NETNF_CT', 'NETNF_EXP'];
/** `ip save` puts a magic of its own in front. */
const IPROUTE_MAGICS = [0x47361222, 0x45311224, 0x71706986];
const ARCHIVES: readonly ImageType[] = ['TMPFS_IMG', 'TMPFS_DEV'];

/** Why an image without entries is cut off or no such thing; undefined when nothing is seen. */
export function rawDamage(store: ImageStore, name: string, type: ImageType): string | undefined {
  if (!NETLINK.includes(type) && !ARCHIVES.includes(type)) return undefined;
  let bytes: Uint8Array;
  try {
    using file = store.open(name);
    if (file.sizeBytes > MAX_BYTES) return undefined;
    bytes = readAt(file, 0, file.sizeBytes);
  } catch (error) {
    if (error instanceof CritError) return error.message;
    throw error;
  }
  return ARCHIVES.includes(type) ? archiveDamage(bytes) : netlinkDamage(bytes);
}

function archiveDamage(bytes: Uint8Array): string | undefined {
  try {
    gunzipSync(bytes, { maxOutputLength: MAX_UNPACKED_BYTES });
    return undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return undefined;
    return `is no whole gzip archive (${(error as Error).message})`;
  }
}

function netlinkDamage(bytes: Uint8Array): string | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const headed = bytes.length >= 4 && IPROUTE_MAGICS.includes(view.getUint32(0, true));
  for (let at = headed ? 4 : 0; at < bytes.length;) {
    const left = bytes.length - at;
    if (left < NLMSG_HEADER_BYTES) return `ends within a netlink message, at byte ${at}`;
    const length = view.getUint32(at, true);
    if (length < NLMSG_HEADER_BYTES) return `at byte ${at}: a netlink message of ${length} bytes`;
    if (length > left) return `at byte ${at}: a netlink message of ${length} bytes, ${left} are left`;
    at += (length + 3) & ~3;
  }
  return undefined;
}
