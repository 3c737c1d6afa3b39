import { createGunzip } from 'node:zlib';
import type { Damage, RawValue } from './raw-value.js';
import { TarHeaders } from './tar-headers.js';

/** What is in a tmpfs image. */
export interface TarListing {
  readonly entries: readonly RawValue[];
  /** Members beyond the first 100,000, which are not listed. */
  readonly omitted: number;
  readonly damage: readonly Damage[];
}

/** tar pads its last record; more than this behind the end mark is not unpacked, so that it cannot cost time. */
const MAX_PADDING_BYTES = 1024 * 1024;

/** Lists a tar.gz whose bytes come in chunks; memory use does not grow with the archive. */
export async function listTarGz(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<TarListing> {
  const headers = new TarHeaders();
  const gunzip = createGunzip();
  let padding = 0;
  const done = new Promise<Damage | undefined>((resolve) => {
    gunzip.on('data', (part: Buffer) => {
      headers.push(part);
      if (headers.ended) padding += part.length;
      if (padding > MAX_PADDING_BYTES || headers.damage) resolve(undefined);
    });
    gunzip.on('end', () => resolve(undefined));
    gunzip.on('error', (error) =>
      resolve({ offsetBytes: gunzip.bytesWritten, reason: `not sound gzip data: ${error.message}` }),
    );
  });
  const state = { finished: false };
  void done.then(() => (state.finished = true));
  for await (const chunk of chunks) {
    if (state.finished) break;
    // A copy: the stream reads it later, and the caller may use the buffer again.
    const more = gunzip.write(Buffer.from(chunk));
    if (!more) await Promise.race([done, new Promise((resolve) => gunzip.once('drain', resolve))]);
  }
  if (!state.finished) gunzip.end();
  let problem = await done;
  gunzip.destroy();
  if (!problem) headers.end();
  problem ??= headers.damage;
  return { entries: headers.entries, omitted: headers.omitted, damage: problem ? [problem] : [] };
}
