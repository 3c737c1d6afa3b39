import { spawnSync } from 'node:child_process';
import type { InetSkEntry } from '../../image/generated/messages.js';
import type { Log } from '../../image/log.js';
import { addressText } from '../../kernel/uapi/sockaddr.js';
import { AF_INET, AF_INET6 } from '../../kernel/uapi/socket.js';
import { isMapped, ownAddress, peerAddress, type Address } from './inet-address.js';

const LONGEST_MS = 10_000;

/** "127.0.0.1", "::1" */
function ip({ family, words }: Address): string {
  const plain = isMapped(words) ? { family: AF_INET, words: words.slice(3) } : { family, words };
  return addressText({ ...plain, port: 0 })
    .replace(/:0$/, '')
    .replace(/^\[|\]$/g, '');
}

/** Removes the rules by which a dump of CRIU's with `--network-lock iptables`, its default, has locked a connection. */
export function removeIptablesLock(isk: InetSkEntry, log: Log): void {
  const [own, peer] = [ownAddress(isk), peerAddress(isk)];
  const six = isk.family === AF_INET6 && !isMapped(own.words);
  const command = six ? 'ip6tables' : 'iptables';
  const remove = (chain: string, from: Address, to: Address) => {
    const match = [
      '--source',
      ip(from),
      '--sport',
      String(from.port),
      '--destination',
      ip(to),
      '--dport',
      String(to.port),
    ];
    const rule = ['-p', 'tcp', '-m', 'mark', '!', '--mark', '0xC114', ...match, '-j', 'DROP'];
    const { status, error, stderr } = spawnSync(command, ['-w', '-t', 'filter', '-D', chain, ...rule], {
      encoding: 'utf8',
      timeout: LONGEST_MS,
    });
    if (status !== 0)
      log.warn(
        `TCP socket ${isk.ino}: its rule in ${chain} cannot be removed: ${error?.message ?? stderr.trim()}: ${command} -D ${chain} ${rule.join(' ')}`,
      );
  };
  remove('INPUT', peer, own);
  remove('OUTPUT', own, peer);
}
