import { closeSync } from 'node:fs';
import * as N from '../kernel/uapi/netdevice.js';
import { AF_UNIX, SOCK_CLOEXEC, SOCK_DGRAM } from '../kernel/uapi/socket.js';
import { addon } from '../native/addon.js';
import { sys } from '../native/sys.js';

/** Features that a kernel may know: far more than any does. */
const MOST_FEATURES = 1024;
/** struct ethtool_get_features_block: four numbers; of ethtool_set_features_block: two. */
const BLOCK = { words: 4, requested: 1, active: 2 } as const;

/** struct ifreq with the name of a device. */
export function interfaceRequest(name: string): DataView {
  const view = new DataView(new ArrayBuffer(N.IFREQ_BYTES));
  new Uint8Array(view.buffer).set(Buffer.from(name, 'latin1').subarray(0, N.IFREQ.nameBytes - 1));
  return view;
}

/** A command of SIOCETHTOOL. @throws SysError */
function ethtool(name: string, command: Uint32Array | Uint8Array): void {
  const socket = sys('socket', AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  try {
    const request = interfaceRequest(name);
    request.setBigUint64(N.IFREQ.data, addon().addressOf(command), true);
    sys('ioctl', socket, N.SIOCETHTOOL, request.buffer as ArrayBuffer);
  } finally {
    closeSync(socket);
  }
}

/** Names of the features of devices, by their bits; the same for all devices. @throws SysError */
function featureNames(name: string): string[] {
  const info = Uint32Array.of(N.ETHTOOL_GSSET_INFO, 0, 1 << N.ETH_SS_FEATURES, 0, 0);
  ethtool(name, info);
  const count = Math.min(MOST_FEATURES, info[4]!);
  const bytes = new Uint8Array(12 + count * N.ETH_GSTRING_LEN);
  new Uint32Array(bytes.buffer, 0, 3).set([N.ETHTOOL_GSTRINGS, N.ETH_SS_FEATURES, count]);
  ethtool(name, bytes);
  return Array.from({ length: count }, (_, i) => {
    const at = 12 + i * N.ETH_GSTRING_LEN;
    return Buffer.from(bytes.subarray(at, at + N.ETH_GSTRING_LEN))
      .toString('latin1')
      .replace(/\0.*/s, '');
  });
}

/** Features of a device: those that are asked for, and those that it has. @throws SysError */
export function deviceFeatures(name: string): { requested: Set<string>; active: Set<string> } {
  const names = featureNames(name);
  const blocks = Math.ceil(names.length / 32);
  const told = new Uint32Array(2 + blocks * BLOCK.words);
  told.set([N.ETHTOOL_GFEATURES, blocks]);
  ethtool(name, told);
  const having = (word: number) =>
    new Set(names.filter((feature, i) => feature && (told[2 + (i >> 5) * BLOCK.words + word]! >>> (i & 31)) & 1));
  return { requested: having(BLOCK.requested), active: having(BLOCK.active) };
}

/** Asks for features, or no longer. @throws SysError */
export function requestFeatures(name: string, changed: ReadonlySet<string>, on: ReadonlySet<string>): void {
  const names = featureNames(name);
  const blocks = Math.ceil(names.length / 32);
  const words = new Uint32Array(2 + blocks * 2);
  words.set([N.ETHTOOL_SFEATURES, blocks]);
  names.forEach((feature, i) => {
    const at = 2 + (i >> 5) * 2;
    if (changed.has(feature)) words[at]! |= 1 << (i & 31);
    if (on.has(feature)) words[at + 1]! |= 1 << (i & 31);
  });
  ethtool(name, words);
}

/** How many packets the kernel collects before it works on them (rx-frames of `ethtool -C`). @throws SysError */
export function coalescedFrames(name: string): number {
  const told = new Uint32Array(N.COALESCE.bytes / 4);
  told[0] = N.ETHTOOL_GCOALESCE;
  ethtool(name, told);
  return told[N.COALESCE.rxFrames / 4]!;
}
