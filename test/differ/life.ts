import { Subject, sleep } from '../system/round-trip.js';
import { compare, type Comparison } from './compare.js';
import { AFTER_RESTORE, ALWAYS } from './exceptions.js';
import { takeSnapshot } from './snapshot.js';

/** How long a program gets to come to rest, and to move while nobody does anything to it, ms. */
const REST_MS = 200;

/** Takes a program that has said that it is ready through a dump, and compares. */
export async function differAround(
  subject: Subject,
  how: 'restore' | 'leave-running',
  { moves }: { readonly moves?: RegExp } = {},
): Promise<Comparison> {
  await sleep(REST_MS);
  takeSnapshot(subject.pid); // the first stop turns sleeps into restarted ones
  await sleep(REST_MS);
  const earlier = takeSnapshot(subject.pid);
  await sleep(REST_MS);
  const before = takeSnapshot(subject.pid);
  await sleep(REST_MS);
  if (how === 'leave-running') await subject.dump('-R');
  else {
    await subject.dump();
    subject.restore();
  }
  await sleep(REST_MS);
  const after = takeSnapshot(subject.pid);
  const exceptions = [
    ...ALWAYS,
    ...(how === 'restore' ? AFTER_RESTORE : []),
    ...(moves ? [{ where: moves, reason: 'the program changes it now and then' }] : []),
  ];
  return compare(before, after, exceptions, earlier);
}
