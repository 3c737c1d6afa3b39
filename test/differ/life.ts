import { Subject, sleep } from '../system/round-trip.js';
import { compare, type Comparison } from './compare.js';
import { AFTER_RESTORE, ALWAYS } from './exceptions.js';
import { takeSnapshot } from './snapshot.js';

/** How long a program gets to come to rest, and to move while nobody does anything to it, ms. */
const REST_MS = 200;

export type How = 'restore' | 'leave-running';

/**
 * Takes a program that has said that it is ready through a dump, and compares.
 * @param dumpFirst one that leaves it running goes before all
 */
export async function differAround(
  subject: Subject,
  how: How,
  {
    moves,
    restMs = REST_MS,
    dumpFirst = false,
  }: { readonly moves?: RegExp; readonly restMs?: number; readonly dumpFirst?: boolean } = {},
): Promise<Comparison> {
  await sleep(restMs);
  if (dumpFirst) await subject.dump('-R');
  takeSnapshot(subject.pid); // the first stop turns sleeps into restarted ones
  await sleep(restMs);
  const earlier = takeSnapshot(subject.pid);
  await sleep(restMs);
  const before = takeSnapshot(subject.pid);
  await sleep(restMs);
  if (how === 'leave-running') await subject.dump('-R');
  else {
    await subject.dump();
    subject.restore();
  }
  await sleep(restMs);
  const after = takeSnapshot(subject.pid);
  const exceptions = [
    ...ALWAYS,
    ...(how === 'restore' ? AFTER_RESTORE : []),
    ...(moves ? [{ where: moves, reason: 'the program changes it now and then' }] : []),
  ];
  return compare(before, after, exceptions, earlier);
}
