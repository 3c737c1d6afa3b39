import { CoreEntryMarch } from '../../image/generated/messages.js';
import { tasksOf } from '../tasks.js';
import type { TolerantImages } from '../tolerant-images.js';

/** The machine that a set was dumped on, as far as its images tell. */
export interface Machine {
  /** x86_64, aarch64. */
  readonly architecture: string | undefined;
  readonly processor: string | undefined;
  /** Of a UTS namespace that was dumped. */
  readonly hostNames: readonly string[];
}

const MAX_NAMES = 10;

export function machineOf(images: TolerantImages): Machine {
  const [task] = tasksOf(images);
  const march = task && images.first('CORE', task.pid)?.mtype;
  const [name] = Object.entries(CoreEntryMarch).find(([, value]) => value === march) ?? [];
  const names = new Set<string>();
  for (const { type, id } of images.attempt(() => images.list()) ?? [])
    if (type === 'UTSNS' && id !== undefined && names.size < MAX_NAMES) {
      const found = images.first('UTSNS', id)?.nodename;
      if (found !== undefined) names.add(found);
    }
  return {
    architecture: name?.toLowerCase(),
    processor: images.first('CPUINFO')?.x86_entry?.[0]?.model_id,
    hostNames: [...names],
  };
}
