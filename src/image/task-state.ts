/** What a task did when it was dumped: tc.task_state of its core image (compel/include/uapi/task-state.h of CRIU). */
export const TASK = { ALIVE: 1, DEAD: 2, STOPPED: 3, ZOMBIE: 6 } as const;

const NAMES = new Map<number, string>(Object.entries(TASK).map(([name, state]) => [state, name.toLowerCase()]));

/** A state for people: alive, dead, stopped, zombie; undefined for a number that is none. */
export const taskStateName = (state: number): string | undefined => NAMES.get(state);

/** Whether a task had ended and waited for its parent: CRIU and crit write DEAD for a zombie. */
export const hasEnded = (state: number | undefined): boolean => state === TASK.ZOMBIE || state === TASK.DEAD;

/** Why a state is none that a task can be restored in; undefined when it is one. */
export function stateFault(state: number | undefined): string | undefined {
  if (state === undefined) return 'missing';
  if (hasEnded(state) || state === TASK.ALIVE || state === TASK.STOPPED) return undefined;
  return `${state} is no state that a dump leaves a task in`;
}
