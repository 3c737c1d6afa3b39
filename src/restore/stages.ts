/**
 * The order of a restore: what is done when, by whom, and what is true before it. Stages of one round are done together:
 * each process gets one batch for all of them, and all have done theirs before the next round begins.
 *
 * `by` tells who does it:
 * - crit: crit itself, once;
 * - root: the root process, in its batch;
 * - birth: each process that has memory, parents first, before it forks its children;
 * - session: each process that leads a session, when it has begun it and before it forks those who are born in it;
 * - task: each process;
 * - table: the first process of each descriptor table;
 * - thread: each thread but the leaders.
 */
export const STAGES = [
  { name: 'outside', round: 1, by: 'crit', before: 'nothing is started' },
  {
    name: 'root',
    round: 2,
    by: 'root',
    before: 'the root process is there, alone, with the rights and limits of crit',
  },
  {
    name: 'open',
    round: 3,
    by: 'root',
    before: 'numbers of descriptors are occupied, nothing of crit is in its memory',
  },
  { name: 'fill', round: 4, by: 'crit', before: 'every open file is in the root, and shared memory exists' },
  { name: 'filled', round: 5, by: 'root', before: 'queues, pipes and shared memory hold what they held' },
  { name: 'birth', round: 6, by: 'birth', before: 'the process has what its forker had, and no children' },
  { name: 'session', round: 6, by: 'session', before: 'the process has begun its session, and is alone in it' },
  { name: 'born', round: 7, by: 'root', before: 'all processes and threads are there, in their sessions and groups' },
  { name: 'table', round: 8, by: 'task', before: 'nothing will be made by another process of the tree any more' },
  { name: 'numbers', round: 9, by: 'table', before: 'descriptors have their numbers; those of crit are open too' },
  { name: 'live', round: 9, by: 'root', before: 'as before: what runs by itself begins, and has its owner' },
  { name: 'task', round: 9, by: 'task', before: 'as before' },
  { name: 'close', round: 10, by: 'table', before: 'nobody needs a descriptor of crit any more' },
  { name: 'thread', round: 10, by: 'thread', before: 'what threads share is set' },
  { name: 'closed', round: 11, by: 'table', before: 'no file of the tree is opened or closed by crit any more' },
  { name: 'leader', round: 11, by: 'task', before: 'all other threads are set, their credentials too' },
  { name: 'whole', round: 12, by: 'crit', before: 'all is set; every thread stands in the blob; what fails is undone' },
  { name: 'running', round: 13, by: 'crit', before: 'the tree runs by itself: nothing may fail' },
] as const;

export type Stage = (typeof STAGES)[number];
export type StageName = Stage['name'];
/** Who does a stage, as STAGES tells. */
export type ByOf<S extends StageName> = Extract<Stage, { name: S }>['by'];

/** The stages, those together that are done together. */
export const ROUNDS: readonly (readonly Stage[])[] = [...new Set(STAGES.map(({ round }) => round))].map((round) =>
  STAGES.filter((stage) => stage.round === round),
);
