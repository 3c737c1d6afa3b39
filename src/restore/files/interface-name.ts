import { closeSync } from 'node:fs';
import { CritError } from '../../image/errors.js';
import { IFREQ, IFREQ_BYTES, SIOCGIFNAME } from '../../kernel/uapi/netdevice.js';
import { AF_UNIX, SOCK_CLOEXEC, SOCK_DGRAM } from '../../kernel/uapi/socket.js';
import { sys } from '../../native/sys.js';

/** The name of a network interface of crit's namespace. @throws CritError */
export function interfaceName(ifindex: number): string {
  const socket = sys('socket', AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const request = new Uint8Array(IFREQ_BYTES);
  new DataView(request.buffer).setUint32(IFREQ.ifindex, ifindex, true);
  try {
    sys('ioctl', socket, SIOCGIFNAME, request);
  } catch (cause) {
    throw new CritError(`there is no network interface ${ifindex}`, { code: 'UNSUPPORTED', cause });
  } finally {
    closeSync(socket);
  }
  return Buffer.from(request.subarray(IFREQ.name, IFREQ.nameBytes)).toString('latin1').replace(/\0.*/s, '');
}
