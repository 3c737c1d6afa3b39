import { RemapType, type RemapFilePathEntry } from './generated/messages.js';

/** Older images have this bit in remap_id instead of a type. */
const OLD_GHOST = 0x80000000;

/** What stands for a file whose name is gone; `target` is an id in files.img, of a ghost image, or a pid. */
export interface Remap {
  readonly kind: 'linked' | 'ghost' | 'procfs';
  readonly target: number;
}

/** undefined for a type that no dump writes. */
export function remapOf({ remap_id, remap_type }: RemapFilePathEntry): Remap | undefined {
  switch (remap_type) {
    case undefined:
      return { kind: remap_id >= OLD_GHOST ? 'ghost' : 'linked', target: remap_id % OLD_GHOST };
    case RemapType.LINKED:
      return { kind: 'linked', target: remap_id };
    case RemapType.GHOST:
      return { kind: 'ghost', target: remap_id };
    case RemapType.PROCFS:
      return { kind: 'procfs', target: remap_id };
    default:
      return undefined;
  }
}
