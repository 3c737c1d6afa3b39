import { readFileSync } from 'node:fs';
import type { InetSkEntry } from '../../image/generated/messages.js';
import type { Rule } from './finding.js';
import { ownNamespaces } from './namespaces.js';
import { isConnection } from './sockets.js';

const LISTEN = 10;
const TABLES: Readonly<Record<number, readonly string[] | undefined>> = { 6: ['tcp', 'tcp6'], 17: ['udp', 'udp6'] };

/** A socket of this machine, a line of /proc/net/tcp or udp. */
interface Used {
  readonly port: number;
  readonly peerPort: number;
  readonly state: number;
}

function readTable(name: string): Used[] {
  let text: string;
  try {
    text = readFileSync(`/proc/net/${name}`, 'latin1');
  } catch {
    return [];
  }
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [, port, peer, state] = /^ *\d+: [0-9A-F]+:([0-9A-F]+) [0-9A-F]+:([0-9A-F]+) ([0-9A-F]+) /.exec(line) ?? [];
      return port === undefined
        ? []
        : [{ port: parseInt(port, 16), peerPort: parseInt(peer!, 16), state: parseInt(state!, 16) }];
    });
}

/** Whether a socket of this machine is in the way of one of the set. */
function inTheWay(socket: InetSkEntry, { port, peerPort, state }: Used): boolean {
  if (port !== socket.src_port) return false;
  if (isConnection(socket)) return state === LISTEN ? false : peerPort === socket.dst_port;
  return socket.proto === 17 || state === LISTEN;
}

/** Ports of this machine. */
export const hostPortRules: readonly Rule[] = [
  {
    code: 'V_HOST_PORT',
    severity: 'error',
    checks: 'ports that sockets of the set had are free here',
    todo: 'end the process that has the port, or restore in a network namespace of its own',
    walk: (set, report) => {
      if (process.platform !== 'linux' || ownNamespaces(set).has('net')) return;
      const tables = new Map<string, Used[]>();
      const told = new Set<string>();
      for (const { message, image, entry } of set.of('isk')) {
        if (message.src_port === 0) continue;
        const names = TABLES[message.proto] ?? [];
        for (const name of names) if (!tables.has(name)) tables.set(name, readTable(name));
        const key = `${message.proto} ${message.src_port} ${message.dst_port}`;
        if (told.has(key) || !names.some((name) => tables.get(name)!.some((used) => inTheWay(message, used)))) continue;
        told.add(key);
        report(
          { image, entry, field: 'isk.src_port' },
          `port ${message.src_port} is in use here (/proc/net/${names[0]})`,
        );
      }
    },
  },
];
