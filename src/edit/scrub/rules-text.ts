import { isIPv4, isIPv6 } from 'node:net';
import { KNOWN_RULE_WORDS } from './known-words.js';
import { ip6Bytes } from '../changes/sockets.js';
import { ipText } from '../../decode/raw/ip-text.js';
import type { Taking } from './taking.js';

/** An IP address in text. */
export function addressText(text: string, taking: Taking): string {
  const bytes = Buffer.from(isIPv4(text) ? text.split('.').map(Number) : ip6Bytes(text));
  if (!taking.addresses.ip(bytes)) return text;
  taking.count('addresses');
  return ipText(bytes) ?? '';
}

/** Rules of a packet filter, as iptables-save or nft prints them: addresses and names get stand-ins, known words and numbers stay. */
export function scrubRules(text: string, taking: Taking): string {
  return text.replace(/[^\s"'{}()[\],;=!/]+/g, (word) => {
    if (isIPv4(word) || isIPv6(word)) return taking.takes('addresses') ? addressText(word, taking) : word;
    const isPlain =
      KNOWN_RULE_WORDS.has(word) || /^(--?[a-z][a-z0-9-]*|:|[-\d.:]{1,11}|0x[0-9a-f]{1,8}|\[[\d:]+\])$/i.test(word);
    // a chain's name has a colon before it
    if (isPlain || !taking.takes('names')) return word;
    const [, colon = '', name = ''] = /^([:*@]?)(.*)$/s.exec(word)!;
    if (KNOWN_RULE_WORDS.has(name)) return word;
    taking.count('names');
    return `${colon}${taking.standIns.name(Buffer.from(name).toString('latin1'))}`;
  });
}
