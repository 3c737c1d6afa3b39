import { checkCpuinfo, writeCpuinfo } from '../../run/cpuinfo.js';
import { imagesDirectory } from '../../run/directories.js';
import { print } from '../stdout.js';
import { printResult } from './result.js';
import type { Settings } from './settings.js';

/** `crit cpuinfo dump` and `crit cpuinfo check`. @returns the exit status @throws CritError */
export function runCpuinfo(settings: Settings): number {
  const writes = settings.subcommand === 'dump';
  const imagesDir = imagesDirectory(settings.imagesDir, writes ? 'write' : 'read');
  if (writes) writeCpuinfo(imagesDir);
  else checkCpuinfo(imagesDir, settings.cpuCap.compared);
  if (settings.json) printResult({ ok: true, images: imagesDir });
  else if (!writes) print('Looks good: this processor has what the images need.\n');
  return 0;
}
