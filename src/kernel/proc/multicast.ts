import { existsSync } from 'node:fs';
import { procPath, readProcText } from './proc-file.js';

/** A multicast group that an interface receives. */
export interface MulticastGroup {
  readonly ifindex: number;
  /** 1 or 4 words in network byte order. */
  readonly words: readonly number[];
}

/** /proc/net/igmp: a line for each interface, below it one for each group, an address as a word in hex. */
export function parseIgmp(text: string): MulticastGroup[] {
  const groups: MulticastGroup[] = [];
  let ifindex = 0;
  for (const line of text.split('\n')) {
    const device = /^(\d+)\s/.exec(line);
    if (device) ifindex = Number(device[1]);
    const group = /^\s+([0-9A-F]{8})\s/.exec(line);
    if (group) groups.push({ ifindex, words: [parseInt(group[1]!, 16)] });
  }
  return groups;
}

/** /proc/net/igmp6: index and name of the interface, the group as 16 bytes in hex. */
export function parseIgmp6(text: string): MulticastGroup[] {
  const groups: MulticastGroup[] = [];
  for (const line of text.split('\n')) {
    const found = /^(\d+)\s+\S+\s+([0-9a-f]{32})\s/.exec(line);
    if (!found) continue;
    const bytes = Buffer.from(found[2]!, 'hex');
    groups.push({ ifindex: Number(found[1]), words: [0, 4, 8, 12].map((at) => bytes.readUInt32LE(at)) });
  }
  return groups;
}

/** The groups of crit's network namespace, of IPv4 or IPv6; none where the kernel does not have that. */
export function multicastGroups(six: boolean): MulticastGroup[] {
  const file = six ? 'net/igmp6' : 'net/igmp';
  if (!existsSync(procPath(process.pid, file))) return [];
  const text = readProcText(process.pid, file);
  return six ? parseIgmp6(text) : parseIgmp(text);
}
