import { randomBytes } from 'node:crypto';
import { AF_INET, AF_INET6 } from '../../kernel/uapi/socket.js';
import { AddressStandIns } from './address-stand-ins.js';
import type { FieldClass } from './field-classes.js';
import { noCounts, type ScrubCounts, type ScrubKind } from './kinds.js';
import { KNOWN_OPTIONS } from './known-words.js';
import { Secrets, type SecretPattern } from './secrets.js';
import { StandIns } from './stand-ins.js';

/** The kernel's siginfo_t: signal, error, code and who sent it stay, what came with it goes. */
const SIGINFO_KEPT_BYTES = 24;

/** Of which kind a field's class is. */
const KIND_OF: Readonly<Record<FieldClass, ScrubKind | undefined>> = {
  keep: undefined,
  path: 'paths',
  name: 'names',
  setting: 'names',
  options: 'paths',
  mac: 'addresses',
  ip: 'addresses',
  ips: 'addresses',
  address: 'addresses',
  sockaddr: 'addresses',
  siginfo: 'data',
  data: 'data',
  value: 'data',
};

/** What is taken out of all images of a set, and how: what stands in its place is the same everywhere. */
export class Taking {
  readonly standIns: StandIns;
  readonly addresses: AddressStandIns;
  readonly secrets: Secrets;
  readonly allRegisters: boolean;
  readonly #keep: ReadonlySet<ScrubKind>;
  /** By file: one that is made twice counts once. */
  readonly #counts = new Map<string, ScrubCounts>();
  #now = noCounts();

  constructor(options: {
    readonly keep: readonly ScrubKind[];
    readonly secrets: readonly SecretPattern[];
    readonly keepsSystem: boolean;
    readonly allRegisters: boolean;
  }) {
    this.standIns = new StandIns(randomBytes(32), options);
    this.addresses = new AddressStandIns(this.standIns);
    this.secrets = new Secrets(options.secrets, this.standIns);
    this.allRegisters = options.allRegisters;
    this.#keep = new Set(options.keep);
  }

  takes(kind: ScrubKind): boolean {
    return !this.#keep.has(kind);
  }

  takesField(fieldClass: FieldClass): boolean {
    const kind = KIND_OF[fieldClass];
    return kind !== undefined && this.takes(kind);
  }

  /** What is counted from here on is of this file. */
  begin(file: string): void {
    this.#counts.set(file, (this.#now = noCounts()));
  }

  count(what: keyof ScrubCounts, count = 1): void {
    this.#now[what] += count;
  }

  get counts(): ScrubCounts {
    const sum = noCounts();
    for (const counts of this.#counts.values())
      for (const what of Object.keys(sum) as (keyof ScrubCounts)[]) sum[what] += counts[what];
    return sum;
  }

  /** What stands in the place of a field's bytes; of the same length. */
  field(fieldClass: FieldClass, bytes: Uint8Array): Uint8Array {
    const kind = KIND_OF[fieldClass];
    const out = Buffer.from(bytes);
    if (kind !== undefined && this.takes(kind)) this.#replace(fieldClass, kind, out);
    const found = this.secrets.mask(out);
    if (found > 0) this.count('secrets', found);
    return out;
  }

  #replace(fieldClass: FieldClass, kind: ScrubKind, out: Buffer): void {
    const was = Buffer.from(out);
    const text = was.toString('latin1');
    switch (fieldClass) {
      case 'path':
        out.write(this.standIns.path(text, ':@'), 'latin1');
        break;
      case 'name':
        out.write(this.standIns.name(text), 'latin1');
        break;
      case 'setting':
        out.write(this.standIns.setting(text), 'latin1');
        break;
      case 'options':
        out.write(this.standIns.options(text, KNOWN_OPTIONS), 'latin1');
        break;
      case 'mac':
        this.addresses.hardware(out);
        break;
      case 'address':
        this.addresses.ip(out);
        break;
      case 'sockaddr':
        this.#sockaddr(out);
        break;
      case 'siginfo':
        out.fill(0, 12, 16);
        out.fill(0, SIGINFO_KEPT_BYTES);
        break;
      default:
        out.fill(0);
    }
    if (!was.equals(out)) this.count(kind, kind === 'data' ? out.length : 1);
  }

  /** struct sockaddr_in, sockaddr_in6: family, port; of IPv6 the flow; the address. */
  #sockaddr(out: Buffer): void {
    const family = out.length < 2 ? 0 : out.readUInt16LE();
    if (family === AF_INET && out.length >= 8) this.addresses.ip(out.subarray(4, 8));
    else if (family === AF_INET6 && out.length >= 24) this.addresses.ip(out.subarray(8, 24));
    else out.fill(0);
    if (family === AF_INET) out.fill(0, 8);
  }

  /** A name that the kernel ends with a NUL, in place. */
  nameUpToNul(bytes: Uint8Array): void {
    const nul = bytes.indexOf(0);
    const end = nul < 0 ? bytes.length : nul;
    bytes.set(this.field('name', bytes.subarray(0, end)));
    bytes.fill(0, end);
  }
}
