import { answerBytes } from '../task/area.js';
import type { Batch } from '../task/batch.js';
import type { RestoreTask } from './context.js';
import type { Part } from './part.js';

/** What tasks of other users could write to each other. */
export const ownAnswers: Part = {
  name: 'answers of its own',
  at: {
    table: ({ task, b }) => {
      keepOwnAnswers(task, b);
    },
  },
};

/**
 * Takes everybody else's answers out of a task's memory: from here on a task can be led astray by what is written to its
 * memory, others cannot.
 */
function keepOwnAnswers(task: RestoreTask, b: Batch): void {
  const rings = task.threads.map(({ ring }) => ring).sort((x, y) => x.answers - y.answers);
  const { area } = rings[0]!;
  let at = area.answersAddress;
  const end = area.base + area.sizeBytes;
  for (const ring of [...rings, undefined]) {
    const next = ring?.answersAddress ?? end;
    if (next > at) b.call('munmap', at, next - at);
    if (ring) at = next + answerBytes(ring.shape);
  }
}
