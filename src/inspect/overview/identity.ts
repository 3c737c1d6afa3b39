import type { Checkpoint } from '../checkpoint.js';
import { Lsmtype } from '../../image/generated/messages.js';
import { imageFileName } from '../../image/catalogue.js';
import { readAt, type ImageStore } from '../../image/image-store.js';
import type { TolerantImages } from '../tolerant-images.js';

/** What a set says of itself. */
export interface Identity {
  readonly path: string;
  /** crit, or CRIU: its images, or another tool's that writes the same. */
  readonly engine: 'crit' | 'CRIU';
  /** Of the engine, where a log lies beside the images. */
  readonly version: string | undefined;
  /** Format of the images: v1.0, v1.1. */
  readonly format: string | undefined;
  /** The name of the run that dumped it. */
  readonly runId: string | undefined;
  readonly securityModule: string | undefined;
  /** Uptime of the machine at the dump, in seconds; only with memory tracking. */
  readonly uptimeSec: number | undefined;
  /** The wall clock of the machine at the dump, ISO 8601; sets of crit. */
  readonly dumpedAt: string | undefined;
  /** It is an increment of another set. */
  readonly hasParent: boolean;
  /** Files with an image's name, and their bytes. */
  readonly images: number;
  readonly sizeBytes: number;
}

/** img_version of the inventory. */
const FORMATS: Readonly<Record<number, string>> = { 1: 'v1.0', 2: 'v1.1' };
const LSM = new Map<number, string>(Object.entries(Lsmtype).map(([name, value]) => [value, name]));
/** Enough of a log to hold the line with the version. */
const LOG_HEAD = 4096;

/** The start of a file; undefined when it is not there or cannot be read. */
export function headOf(store: ImageStore, name: string, bytes: number): Uint8Array | undefined {
  if (!store.has(name)) return undefined;
  try {
    using file = store.open(name);
    return readAt(file, 0, bytes);
  } catch {
    return undefined;
  }
}

function versionInLog(stores: readonly ImageStore[]): string | undefined {
  for (const store of stores) {
    const head = headOf(store, 'dump.log', LOG_HEAD);
    const found =
      head && /\bVersion: ([\w.+-]{1,40})|\bcrit (\d[\w.+-]{0,39})\b/.exec(Buffer.from(head).toString('latin1'));
    if (found) return found[1] ?? found[2];
  }
  return undefined;
}

/** Who made a checkpoint, when, and how large it is. */
export function identity(checkpoint: Checkpoint, images: TolerantImages): Identity {
  const inventory = images.expected('INVENTORY');
  const files = images.attempt(() => images.list()) ?? [];
  const sizes = new Map(files.map(({ file, sizeBytes }) => [file, sizeBytes]));
  for (const { name, size } of inventory?.images ?? []) {
    const there = sizes.get(name);
    const path = images.store.pathOf(name);
    if (there === undefined)
      images.problem(`${path}: is not there, and ${imageFileName('INVENTORY')} says that it belongs to the set`);
    else if (size !== undefined && BigInt(there) !== size)
      images.problem(`${path}: has ${there} bytes, and ${imageFileName('INVENTORY')} says that it had ${size}`);
  }
  const realtime = images.first('TIMENS', 0)?.realtime;
  const ms = Number(realtime?.tv_sec ?? 0n) * 1000 + Math.floor(Number(realtime?.tv_nsec ?? 0n) / 1e6);
  return {
    path: checkpoint.path,
    engine: (inventory?.images ?? []).length > 0 ? 'crit' : 'CRIU',
    version: versionInLog([images.store, checkpoint.beside]),
    format: inventory && (FORMATS[inventory.img_version] ?? `version ${inventory.img_version}`),
    runId: inventory?.dump_criu_run_id,
    securityModule: inventory?.lsmtype ? LSM.get(inventory.lsmtype) : undefined,
    uptimeSec: inventory?.dump_uptime === undefined ? undefined : Number(inventory.dump_uptime) / 1e6,
    dumpedAt: ms > 0 && ms < 8.64e15 ? new Date(ms).toISOString() : undefined,
    hasParent: images.store.has('parent'),
    images: files.length,
    sizeBytes: files.reduce((sum, file) => sum + file.sizeBytes, 0),
  };
}
