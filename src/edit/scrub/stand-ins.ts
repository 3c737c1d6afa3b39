import { createHmac } from 'node:crypto';
import { KNOWN_NAMES } from './known-words.js';

const LETTERS = 'abcdefghijklmnopqrstuvwxyz234567';
/** The kernel's and CRIU's own names that have numbers in them: CRIU makes the first for a file that is about to go. */
const NUMBERED = /^(link_remap\.\d+|\.\.?|memfd:|SYSV[0-9a-f]{8}|loop\d+|tty\d+|tty[A-Z]+\d+)$/;
/** Trees of the kernel, whose numbers are those of processes, descriptors and terminals. */
const NUMBERS = /^\/(proc|dev\/pts)\//;
/** Directories of programs and libraries that come with a system. */
const OF_A_SYSTEM = /^(\/usr)?\/(lib|lib32|lib64|libexec|bin|sbin)\//;
const TRIES = 100;

/**
 * Words in place of words: of the same length, the same for the same word, and different for different ones as far as there are
 * as many. The key is made anew for each run and kept nowhere, so that nobody can try words out.
 */
export class StandIns {
  readonly #key: Uint8Array;
  readonly #known = new Map<string, string>();
  readonly #used = new Set<string>(KNOWN_NAMES);
  readonly #keepsSystem: boolean;

  /** @param options.keepsSystem paths of programs and libraries that come with a system stay */
  constructor(key: Uint8Array, { keepsSystem = false }: { readonly keepsSystem?: boolean } = {}) {
    this.#key = key;
    this.#keepsSystem = keepsSystem;
  }

  /** Bytes that depend on the key and the text alone. */
  bytes(text: string, length: number): Uint8Array {
    const parts: Uint8Array[] = [];
    const seed = createHmac('sha256', this.#key).update(text, 'latin1').digest();
    for (let block = 0; block * 32 < length; block++)
      parts.push(createHmac('sha256', seed).update(`${block}`).digest());
    return Buffer.concat(parts).subarray(0, length);
  }

  /** Letters for bytes that are not kept in mind: as many as there may be. */
  letters(text: string): string {
    return Array.from(this.bytes(text, text.length), (byte) => LETTERS[byte & 31]).join('');
  }

  /** One for a word of latin1 characters. */
  word(text: string): string {
    let found = this.#known.get(text);
    if (found !== undefined) return found;
    for (let i = 0; i < TRIES; i++) {
      found = this.letters(i === 0 ? text : `${text}\0${i}`).slice(0, text.length);
      if (found !== text && !this.#used.has(found)) break;
    }
    this.#used.add(found!);
    this.#known.set(text, found!);
    return found!;
  }

  name(text: string): string {
    return text === '' || KNOWN_NAMES.has(text) ? text : this.word(text);
  }

  /** Each part of a path; slashes, NULs and what stands in `more` stay. */
  path(text: string, more = ''): string {
    if (this.#keepsSystem && OF_A_SYSTEM.test(text)) return text;
    const hasNumbers = NUMBERS.test(text);
    return text.replace(new RegExp(`[^/\0${more}]+`, 'g'), (part) =>
      NUMBERED.test(part) || (hasNumbers && /^\d+$/.test(part)) ? part : this.name(part),
    );
  }

  /** What a program was started with: strings, NUL after each. */
  strings(text: string): string {
    return text.replace(/[^\0]+/g, (one) => this.path(one, '=:, \\n\\t'));
  }

  /** Numbers and words that the kernel knows stay. */
  setting(text: string): string {
    return text.replace(/[^\s,=:/]+/g, (part) =>
      /^(-?[\d.*-]+|max|[abc]|[rwm]{1,3})$/.test(part) ? part : this.name(part),
    );
  }

  /** @param known of a word without a value, or of a key whose number stays */
  options(text: string, known: ReadonlySet<string>): string {
    return text.replace(/[^,]+/g, (option) => {
      const [, key = '', equals = '', value = ''] = /^([^=]*)(=?)(.*)$/s.exec(option)!;
      const isKnown = known.has(key);
      const kept = isKnown && /^(\d+[kmg%]?|on|off|auto)$/i.test(value);
      return `${isKnown ? key : this.name(key)}${equals}${kept ? value : this.path(value, ':')}`;
    });
  }
}
