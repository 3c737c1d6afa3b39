import type { Source } from '../image/byte-source.js';
import { DAMAGE_KEY, HEADER_KEY } from '../image/entry.js';
import { ImageError } from '../image/errors.js';
import { messageAt } from '../image/message-def.js';
import { isPlain } from '../image/plain-message.js';
import { ImageScanner } from './image-scanner.js';
import { CLOSE_LIST, CLOSE_OBJECT, JsonLayout, OPEN_LIST, OPEN_OBJECT } from './json-layout.js';
import { PlainEntries } from './plain-entries.js';
import { MessagePrinter } from './print-message.js';
import { sizeFields } from './payload-size.js';
import { PayloadPrinter, plainNumbers } from './print-payload.js';
import { TextOut } from './text-out.js';

/** Bytes of a message without a believable end that `recover` looks at. */
const RECOVER_BYTES = 1024 * 1024;

export interface PrintOptions {
  /** As `crit show`: indented, with names of flags, hex numbers, addresses, device numbers. */
  readonly pretty?: boolean | undefined;
  /** Numbers beyond 2^53 as strings: what many JSON programs would round goes through them unchanged. */
  readonly bigAsStrings?: boolean | undefined;
  /** The size of a payload in place of its bytes. */
  readonly noPayload?: boolean | undefined;
  /**
   * Go on after what is unsound, print what is sound, and call onDamage for each place. The message or payload in question
   * has the key `$damaged`.
   */
  readonly recover?: boolean | undefined;
  readonly onDamage?: ((error: ImageError) => void) | undefined;
}

class ImagePrinter {
  readonly #scanner: ImageScanner;
  readonly #layout: JsonLayout;
  readonly #messages: MessagePrinter;
  readonly #payloads: PayloadPrinter;
  readonly #noPayload: boolean;
  readonly #onDamage: ((error: ImageError) => void) | undefined;

  constructor(scanner: ImageScanner, out: TextOut, options: PrintOptions) {
    this.#scanner = scanner;
    out.bigAsStrings = options.bigAsStrings === true;
    this.#noPayload = options.noPayload === true;
    this.#onDamage = options.recover ? (options.onDamage ?? ((): void => undefined)) : undefined;
    this.#layout = new JsonLayout(out, options.pretty === true);
    this.#messages = new MessagePrinter(this.#layout, scanner.reader, {
      show: options.pretty === true,
      onDamage: this.#onDamage,
    });
    this.#payloads = new PayloadPrinter(scanner, this.#messages);
  }

  image(): void {
    const layout = this.#layout;
    const scanner = this.#scanner;
    scanner.readHeader();
    layout.open(OPEN_OBJECT);
    layout.key('magic', true);
    layout.string(scanner.description.magicName);
    if (scanner.header !== undefined) {
      layout.key(HEADER_KEY, false);
      layout.string(scanner.header);
    }
    layout.key('entries', false);
    layout.open(OPEN_LIST);
    let entry = 0;
    const plain = this.#plainEntries();
    for (let more = true; more && !scanner.atEnd();) {
      if (plain && entry > 0)
        scanner.window((buf, start, end) => {
          const { count, at } = plain.print(buf, start, end);
          entry += count;
          return at;
        });
      if (scanner.atEnd()) break;
      scanner.reader.entry = entry;
      if (this.#onDamage) more = this.#recover(entry);
      else {
        scanner.readMessage(messageAt(scanner.description, entry));
        layout.next(entry === 0);
        this.#entry(entry);
      }
      entry++;
      layout.out.settle();
    }
    if (entry === 0 && scanner.description.payload === 'ghost')
      this.#throwOrTell(scanner.error('ends where its entry should be'));
    layout.close(CLOSE_LIST, entry === 0);
    layout.close(CLOSE_OBJECT, false);
  }

  /** For images of which all entries but the first are plain numbers, and nothing but their text is wanted. */
  #plainEntries(): PlainEntries | undefined {
    const { description } = this.#scanner;
    const { pretty, out } = this.#layout;
    if (pretty || this.#onDamage || (description.payload !== 'none' && description.payload !== 'pagemap'))
      return undefined;
    const def = messageAt(description, 1);
    return isPlain(def) ? new PlainEntries(out, def) : undefined;
  }

  #throwOrTell(error: ImageError): void {
    if (!this.#onDamage) throw error;
    this.#onDamage(error);
  }

  /** Prints the entry whose message is in the reader. */
  #entry(entry: number): void {
    const layout = this.#layout;
    layout.open(OPEN_OBJECT);
    const empty = this.#members(entry);
    layout.close(CLOSE_OBJECT, empty);
  }

  #members(entry: number): boolean {
    const { reader, description } = this.#scanner;
    const def = messageAt(description, entry);
    if (description.payload === 'none' || description.payload === 'pagemap')
      return this.#messages.members(def, reader.end);
    const damage: ImageError[] = [];
    const numbers = plainNumbers(reader, def, reader.end, this.#onDamage ? damage : undefined);
    const empty = this.#messages.members(def, reader.end);
    const unknown =
      damage.length > 0 && sizeFields(description.payload, entry).find((name) => numbers[name] === undefined);
    if (unknown) throw this.#scanner.error(`without ${unknown} nobody knows where the entry ends`);
    if (description.payload !== 'ghost') {
      this.#payloads.members(numbers, empty, this.#noPayload);
      return false;
    }
    if (entry > 0) this.#payloads.ghost(Number(numbers['len'] ?? 0), empty, this.#noPayload);
    else if (numbers['chunks'] !== true) this.#payloads.ghost(Infinity, empty, this.#noPayload);
    return empty && this.#noPayload;
  }

  /** Prints an entry as far as it is sound. @returns false: where the next one begins cannot be told */
  #recover(entry: number): boolean {
    const scanner = this.#scanner;
    const layout = this.#layout;
    let broken: ImageError | undefined;
    try {
      scanner.readMessage(messageAt(scanner.description, entry));
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      broken = error;
      this.#onDamage?.(error);
      if (!scanner.readRest(RECOVER_BYTES)) {
        layout.next(entry === 0);
        this.#damaged(error);
        return false;
      }
    }
    layout.next(entry === 0);
    layout.open(OPEN_OBJECT);
    const { depth } = layout;
    let empty = false;
    if (broken) {
      const { reader, description } = scanner;
      this.#messages.members(messageAt(description, entry), reader.end, broken);
    } else {
      try {
        empty = this.#members(entry);
      } catch (error) {
        if (!(error instanceof ImageError)) throw error;
        broken = error;
        this.#onDamage?.(error);
        layout.unwind(depth);
        layout.key(DAMAGE_KEY, false);
        layout.string(`offset ${error.offsetBytes ?? 0}: ${error.reason}`);
      }
    }
    layout.close(CLOSE_OBJECT, empty);
    return broken === undefined;
  }

  #damaged(error: ImageError): void {
    const layout = this.#layout;
    layout.open(OPEN_OBJECT);
    layout.key(DAMAGE_KEY, true);
    layout.string(`offset ${error.offsetBytes ?? 0}: ${error.reason}`);
    layout.close(CLOSE_OBJECT, false);
  }
}

/**
 * Prints an image as JSON, as Python's crit 4.2 does (`decode`, or with `pretty` `show`), without a line end behind it.
 * Streams: what is in memory is one message at most.
 * @param write gets the text in pieces, valid until it returns
 * @throws ImageError NO_IMAGE, NOT_A_FILE, UNKNOWN_MAGIC (a raw image?), BAD_IMAGE; what was sound before the place in
 *   question may have been written
 */
export function printImage(source: Source, write: (chunk: Uint8Array) => void, options: PrintOptions = {}): void {
  const scanner = new ImageScanner(source);
  try {
    const out = new TextOut(write);
    new ImagePrinter(scanner, out, options).image();
    out.flush();
  } finally {
    scanner.close();
  }
}
