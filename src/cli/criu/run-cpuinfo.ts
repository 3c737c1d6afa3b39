import { CritError } from '../../image/errors.js';
import { checkCpuinfo, writeCpuinfo } from '../../run/cpuinfo.js';
import { imagesDirectory } from '../../run/directories.js';
import { print } from '../stdout.js';
import { printResult } from './result.js';
import type { Settings } from './settings.js';

/** `crit cpuinfo dump` and `crit cpuinfo check`. @returns the exit status */
export function runCpuinfo(settings: Settings): number {
  const writes = settings.subcommand === 'dump';
  const imagesDir = imagesDirectory(settings.imagesDir, writes ? 'write' : 'read');
  try {
    if (writes) writeCpuinfo(imagesDir);
    else checkCpuinfo(imagesDir, settings.cpuCap.compared);
  } catch (error) {
    if (!(error instanceof CritError)) throw error;
    if (settings.json) printResult({ ok: false, code: error.code, message: error.message });
    throw error;
  }
  if (settings.json) printResult({ ok: true, images: imagesDir });
  else if (!writes) print('Looks good: this processor has what the images need.\n');
  return 0;
}
