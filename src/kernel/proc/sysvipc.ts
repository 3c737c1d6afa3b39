import { readFileSync } from 'node:fs';
import { ProcFileError } from './proc-file.js';

/** A segment of System V shared memory: a line of /proc/sysvipc/shm (proc_sysvipc(5)). */
export interface ShmSegment {
  key: number;
  id: number;
  /** Permissions, and the kernel's own bits (SHM_DEST, SHM_LOCKED). */
  mode: number;
  sizeBytes: number;
  /** Who made it, and who attached or detached it last. */
  cpid: number;
  lpid: number;
  /** How many mappings there are. */
  attached: number;
  uid: number;
  gid: number;
  cuid: number;
  cgid: number;
  /** Seconds since 1970: when it was made, or its owner changed. */
  changedSec: bigint;
}

const FILE = '/proc/sysvipc/shm';

/** The text of the file. */
export function parseShmSegments(text: string): ShmSegment[] {
  return text
    .split('\n')
    .slice(1)
    .filter(Boolean)
    .map((line) => {
      const words = line.trim().split(/\s+/);
      if (words.length < 14 || words.some((word) => !/^-?\d+$/.test(word)))
        throw new ProcFileError(FILE, 'PROC_FORMAT', `not understood: ${JSON.stringify(line)}`);
      const [key, id, , size, cpid, lpid, attached, uid, gid, cuid, cgid] = words.map(Number);
      return {
        key: key! >>> 0,
        id: id!,
        mode: Number.parseInt(words[2]!, 8),
        sizeBytes: size!,
        cpid: cpid!,
        lpid: lpid!,
        attached: attached!,
        uid: uid!,
        gid: gid!,
        cuid: cuid!,
        cgid: cgid!,
        changedSec: BigInt(words[13]!),
      };
    });
}

/** The segments of crit's IPC namespace, by id; none where the kernel has no System V IPC. */
export function readShmSegments(): Map<number, ShmSegment> {
  let text: string;
  try {
    text = readFileSync(FILE, 'latin1');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map();
    throw error;
  }
  return new Map(parseShmSegments(text).map((segment) => [segment.id, segment]));
}
