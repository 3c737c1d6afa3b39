import type { InetSkEntry } from '../image/generated/messages.js';
import { directionsOf, LOCK_MARK, type Direction } from './tcp-directions.js';
// iptables(8), iptables-restore(8): rules that drop the segments of TCP connections, as CRIU 4.2 makes them.

const IPV4_BYTES = 4;

/** "127.0.0.1", "0:0:0:0:0:0:0:1" */
function ipText(bytes: Uint8Array): string {
  if (bytes.length === IPV4_BYTES) return bytes.join('.');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: 8 }, (_, i) => view.getUint16(2 * i).toString(16)).join(':');
}

const ruleOf = (chain: string, { source, sourcePort, target, targetPort }: Direction) =>
  `${chain} -p tcp -m mark ! --mark 0x${LOCK_MARK.toString(16)} ` +
  `--source ${ipText(source)} --sport ${sourcePort} --destination ${ipText(target)} --dport ${targetPort} -j DROP`;

export interface IptablesRules {
  /** What iptables-restore takes to insert or delete them; empty for no rules. */
  readonly insert: string;
  readonly remove: string;
}

/** Of IPv4 and of IPv6. */
export function iptablesRules(connections: readonly InetSkEntry[]): readonly [IptablesRules, IptablesRules] {
  const all = connections.map((isk) => directionsOf(isk));
  const of = (four: boolean): IptablesRules => {
    const rules = all
      .filter(({ out }) => (out.source.length === IPV4_BYTES) === four)
      .flatMap((way) => [ruleOf('INPUT', way.in), ruleOf('OUTPUT', way.out)]);
    const table = (command: string) =>
      rules.length > 0 ? `*filter\n${rules.map((rule) => `${command} ${rule}\n`).join('')}COMMIT\n` : '';
    return { insert: table('-I'), remove: table('-D') };
  };
  return [of(true), of(false)];
}
