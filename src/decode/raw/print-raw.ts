import type { RawImageType } from '../../image/catalogue.js';
import { ImageError } from '../../image/errors.js';
import type { ByteSource } from '../../image/byte-source.js';
import { rawJson, type RawJsonOptions } from './raw-json.js';
import { viewRaw } from './raw-view.js';
import type { Damage } from './raw-value.js';
import { RAW_FORMAT } from './recognise.js';
import { chunksOf, rereadable } from './rereadable.js';

export interface PrintRawOptions extends RawJsonOptions {
  /** Print what is sound of a damaged image instead of throwing. */
  readonly recover: boolean;
  /** Told of each damaged place, with `recover`. */
  readonly onDamage: (error: ImageError) => void;
}

/** Damage as the error that stands for it. */
export const damageError = (file: string | undefined, { offsetBytes, entry, field, reason }: Damage): ImageError =>
  new ImageError(reason, { file, entry, offsetBytes, fieldPath: field });

/**
 * Prints a raw image as JSON.
 * @param given the path or descriptor that `source` was opened from
 * @throws ImageError for the first damaged place, before anything is printed; not with `recover`
 */
export async function printRaw(
  source: ByteSource,
  given: string | number,
  type: RawImageType,
  write: (text: string) => void,
  options: PrintRawOptions,
): Promise<void> {
  // Pages are summarised only: nothing of them is read again.
  const bytes = RAW_FORMAT[type] === 'pages' ? undefined : rereadable(source, given);
  const view = await viewRaw(type, bytes?.chunks() ?? chunksOf(source));
  for (const damage of view.damage) {
    const error = damageError(source.name, damage);
    if (!options.recover) throw error;
    options.onDamage(error);
  }
  for await (const piece of rawJson(view, bytes?.chunks() ?? [], () => bytes?.sizeBytes() ?? 0, options)) write(piece);
}
