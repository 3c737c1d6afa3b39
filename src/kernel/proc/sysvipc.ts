import { readFileSync } from 'node:fs';
import { ProcFileError } from './proc-file.js';

/** What objects of System V IPC have in common: lines of /proc/sysvipc (proc_sysvipc(5)). */
export interface IpcObject {
  key: number;
  id: number;
  /** Permissions, and, of a segment, the kernel's own bits (SHM_DEST, SHM_LOCKED). */
  mode: number;
  uid: number;
  gid: number;
  cuid: number;
  cgid: number;
}

/** A segment of shared memory. */
export interface ShmSegment extends IpcObject {
  sizeBytes: number;
  /** Who made it, and who attached or detached it last. */
  cpid: number;
  lpid: number;
  /** How many mappings there are. */
  attached: number;
  /** Seconds since 1970: when it was made, or its owner changed. */
  changedSec: bigint;
}

/** A set of semaphores. */
export interface SemaphoreSet extends IpcObject {
  count: number;
}

/** A queue of messages. */
export interface MessageQueue extends IpcObject {
  /** What is in it. */
  bytes: number;
  messages: number;
}

type Kind = 'shm' | 'sem' | 'msg';

/** The objects of the reader's IPC namespace: the columns of the kernel's table; none where it has no System V IPC. */
function* rows(kind: Kind, leastColumns: number): Generator<string[]> {
  const file = `/proc/sysvipc/${kind}`;
  let text: string;
  try {
    text = readFileSync(file, 'latin1');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  yield* parseRows(text, file, leastColumns);
}

function* parseRows(text: string, file: string, leastColumns: number): Generator<string[]> {
  for (const line of text.split('\n').slice(1)) {
    if (line === '') continue;
    const words = line.trim().split(/\s+/);
    if (words.length < leastColumns || words.some((word) => !/^-?\d+$/.test(word)))
      throw new ProcFileError(file, 'PROC_FORMAT', `not understood: ${JSON.stringify(line)}`);
    yield words;
  }
}

/** @param ownerAt the column of the owner's number */
const objectOf = (words: readonly string[], ownerAt: number): IpcObject => ({
  key: Number(words[0]) >>> 0,
  id: Number(words[1]),
  mode: Number.parseInt(words[2]!, 8),
  uid: Number(words[ownerAt]),
  gid: Number(words[ownerAt + 1]),
  cuid: Number(words[ownerAt + 2]),
  cgid: Number(words[ownerAt + 3]),
});

function segmentOf(words: readonly string[]): ShmSegment {
  const [, , , size, cpid, lpid, attached] = words.map(Number);
  return {
    ...objectOf(words, 7),
    sizeBytes: size!,
    cpid: cpid!,
    lpid: lpid!,
    attached: attached!,
    changedSec: BigInt(words[13]!),
  };
}

/** The text of /proc/sysvipc/shm. */
export function parseShmSegments(text: string): ShmSegment[] {
  return [...parseRows(text, '/proc/sysvipc/shm', 14)].map(segmentOf);
}

/** Segments, by id. */
export function readShmSegments(): Map<number, ShmSegment> {
  return new Map([...rows('shm', 14)].map(segmentOf).map((segment) => [segment.id, segment]));
}

export function readSemaphoreSets(): SemaphoreSet[] {
  return [...rows('sem', 10)].map((words) => ({ ...objectOf(words, 4), count: Number(words[3]) }));
}

export function readMessageQueues(): MessageQueue[] {
  return [...rows('msg', 14)].map((words) => ({
    ...objectOf(words, 7),
    bytes: Number(words[3]),
    messages: Number(words[4]),
  }));
}
