import { cpuinfoOf } from '../arch/index.js';
import { ImageDir } from '../encode/image-dir.js';
import { writeImage } from '../encode/image-writer.js';
import { imageFileName } from '../image/catalogue.js';
import { cpuDifferences, cpuFault, type CpuCap } from '../image/cpu-features.js';
import { CritError } from '../image/errors.js';
import type { Messages } from '../image/generated/messages.js';
import { addon } from '../native/addon.js';

const here = (): Messages['cpuinfo_entry'] => cpuinfoOf((leaf, sub) => addon().cpuid(leaf, sub));

/** Writes cpuinfo.img, of the processor that crit runs on. */
export function writeCpuinfo(imagesDir: string): void {
  writeImage(imagesDir, 'CPUINFO', undefined, [{ message: here() }]);
}

/**
 * Compares cpuinfo.img with the processor that crit runs on.
 * @throws CritError CPU when the images cannot be restored here; MISSING_IMAGE, BAD_IMAGE
 */
export function checkCpuinfo(imagesDir: string, caps: ReadonlySet<CpuCap>): void {
  const image = imageFileName('CPUINFO');
  const [was] = new ImageDir(imagesDir).read('CPUINFO').entries[0]?.message.x86_entry ?? [];
  const [is] = here().x86_entry ?? [];
  if (!was || !is) throw new CritError(`${image}: it tells of no x86 processor`, { code: 'BAD_IMAGE' });
  const fault = cpuFault(was);
  if (fault !== undefined) throw new CritError(`${image}: ${fault}`, { code: 'BAD_IMAGE' });
  const differences = cpuDifferences(was, is, caps);
  if (differences.length > 0)
    throw new CritError(
      `this processor cannot go on with what was dumped on ${was.model_id?.trim() ?? 'another one'}: ${differences.join('; ')} (--cpu-cap says what is compared)`,
      { code: 'CPU' },
    );
}
