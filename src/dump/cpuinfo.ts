import { cpuinfoOf } from '../arch/index.js';
import { addon } from '../native/addon.js';
import type { DumpContext } from './context.js';
import type { Resource } from './resource.js';

/** cpuinfo.img: the processor that the tree has run on, for restores on others (--cpu-cap). */
export const processor = (ctx: DumpContext): Resource => ({
  name: 'processor',
  write: () => {
    if (ctx.options.cpuinfo)
      ctx.write('CPUINFO', undefined, [{ message: cpuinfoOf((leaf, sub) => addon().cpuid(leaf, sub)) }]);
  },
});
