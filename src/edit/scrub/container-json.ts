import { isIPv4, isIPv6 } from 'node:net';
import type { Taking } from './taking.js';
import { addressText } from './rules-text.js';
import { KNOWN_JSON_KEYS } from './known-words.js';

/** Keys of Kubernetes and of container engines. */
const ENGINE_KEY = /^(io\.(kubernetes|container|podman)|org\.(opencontainers|systemd))\.[\w.-]{1,80}$/;
/** Values that a specification lists. */
const LISTED =
  /^((CAP|SCMP|RLIMIT|ACT|ARCH)_[A-Z0-9_]{1,40}|\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)|[\d.]{0,12}|libpod|cri-o|crun|runc)$/;
const MAC = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i;

function hardware(text: string, taking: Taking): string {
  const bytes = Buffer.from(text.replaceAll(':', ''), 'hex');
  if (!taking.addresses.hardware(bytes)) return text;
  taking.count('addresses');
  return bytes.toString('hex').replace(/..(?=.)/g, '$&:');
}

function textFor(text: string, taking: Taking): string {
  const [, address = '', prefix = ''] = /^(.*?)(\/\d{1,3})?$/s.exec(text)!;
  if (isIPv4(address) || isIPv6(address))
    return taking.takes('addresses') ? addressText(address, taking) + prefix : text;
  if (MAC.test(text)) return taking.takes('addresses') ? hardware(text, taking) : text;
  if (LISTED.test(text)) return text;
  return wordsFor(text, taking);
}

/** Paths and names between the usual marks. */
function wordsFor(text: string, taking: Taking): string {
  const bytes = Buffer.from(text);
  const out = Buffer.from(taking.takes('names') ? taking.standIns.strings(bytes.toString('latin1')) : text, 'latin1');
  if (!taking.takes('names')) bytes.copy(out);
  else if (!out.equals(bytes)) taking.count('names');
  taking.count('secrets', taking.secrets.mask(out));
  return out.toString();
}

function valueFor(value: unknown, taking: Taking): unknown {
  if (typeof value === 'string') return textFor(value, taking);
  if (Array.isArray(value)) return value.map((one) => valueFor(one, taking));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      KNOWN_JSON_KEYS.has(key) || ENGINE_KEY.test(key) ? key : wordsFor(key, taking),
      valueFor(inner, taking),
    ]),
  );
}

/**
 * What a container engine wrote of a container: keys that a specification has and numbers stay, text gets stand-ins.
 * @returns undefined when it is no JSON
 */
export function scrubJson(text: string, taking: Taking): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return JSON.stringify(valueFor(value, taking));
}
