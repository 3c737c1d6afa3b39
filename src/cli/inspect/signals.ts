import type { Overview } from '../../inspect/overview/overview.js';
import { type Section, table } from './section.js';

export function signals({ processes }: Overview): Section[] {
  const short = (name: string) => name.replace(/^SIG/, '');
  const list = (names: readonly string[]) => names.map(short).join(' ');
  return table(
    'SIGNALS',
    ['PID', 'TID', 'IGNORED', 'CAUGHT', 'BLOCKED', 'PENDING'],
    [0, 1],
    processes.flatMap(({ pid, signals }) =>
      (signals?.threads ?? []).flatMap(({ tid, blocked, pending }, i) => {
        const { actions, pending: shared } = signals!;
        const waiting = [...(i === 0 ? shared : []), ...pending].map(({ signal, fromPid }) =>
          fromPid === undefined ? short(signal) : `${short(signal)} (from ${fromPid})`,
        );
        const row = [
          i === 0 ? list(actions.filter(({ handler }) => handler === 'ignore').map(({ signal }) => signal)) : '',
          i === 0 ? list(actions.filter(({ handler }) => handler !== 'ignore').map(({ signal }) => signal)) : '',
          list(blocked),
          waiting.join(' '),
        ];
        return row.some((text) => text !== '') ? [[pid, tid, ...row]] : [];
      }),
    ),
  );
}
