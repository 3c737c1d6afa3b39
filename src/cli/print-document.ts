import { openByteSource } from '../image/byte-source.js';
import { printImage } from '../decode/print-image.js';
import { HEAD_BYTES, recogniseRaw } from '../decode/raw/recognise.js';
import { CritError, ImageError } from '../image/errors.js';
import { openSink } from './sink.js';
import { warn } from './stdout.js';

export interface DocumentOptions {
  readonly pretty: boolean;
  readonly noPayload: boolean;
  readonly recover: boolean;
  readonly bigAsStrings: boolean;
}

/** Says, where it helps, that a damaged image may still be good for something. */
function withAdvice(error: unknown, recover: boolean): unknown {
  if (!(error instanceof ImageError) || recover || error.code !== 'BAD_IMAGE') return error;
  return new CritError(`${error.message}; --recover prints what is sound`, { code: error.code, cause: error });
}

/**
 * What show and decode have in common: an image in, JSON out.
 * @param input path, or undefined for standard input
 * @param output path, or undefined for standard output, where a newline follows as with the Python crit
 * @returns the exit status: 1 if something was damaged
 */
export async function printDocument(
  input: string | undefined,
  output: string | undefined,
  options: DocumentOptions,
): Promise<number> {
  const given = input === undefined || input === '-' ? 0 : input;
  const source = openByteSource(given === 0 ? { fd: 0, name: 'standard input' } : given);
  const sink = openSink(output);
  const damage = { found: false };
  const onDamage = (error: ImageError): void => {
    damage.found = true;
    warn(`crit: ${error.message}`);
  };
  try {
    const raw = recogniseRaw(source.name, source.head(HEAD_BYTES));
    if (raw) {
      const { printRaw } = await import('../decode/raw/print-raw.js');
      await printRaw(source, given, raw, (text) => sink.write(text), { ...options, onDamage });
    } else {
      printImage(source, (chunk) => sink.write(chunk), { ...options, onDamage });
    }
    if (output === undefined || output === '-') sink.write('\n');
    sink.commit();
  } catch (error) {
    sink.abort();
    throw withAdvice(error, options.recover);
  } finally {
    source.close();
  }
  return damage.found ? 1 : 0;
}
