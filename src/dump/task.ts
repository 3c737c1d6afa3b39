import type { Pid } from '../image/pid.js';
import { readMaps, type MapEntry, type MapRange } from '../kernel/proc/maps.js';
import type { ProcStatus } from '../kernel/proc/status.js';
import { Borrowed } from '../task/borrow.js';
import { BorrowedThread, type BorrowMapping } from '../task/borrowed-thread.js';
import { guardOf } from '../task/guard.js';
import type { Batch } from '../task/batch.js';
import type { Puppet } from '../task/puppet.js';
import { SNAPSHOT_RINGS } from '../task/snapshot.js';
import type { DumpTask } from './context.js';
import type { FrozenTask } from './freeze.js';
import { peekThread, type PeekedThread } from './peek.js';
import { restrictionOf } from './peek-seccomp.js';
import type { Sleepers } from './sleepers.js';
import { waitRest, type TimedCall } from './timed-call.js';

/** A borrowed process and what has been learned of it. */
export class Task implements DumpTask {
  readonly pid: Pid;
  readonly frozen: FrozenTask;
  readonly tids: readonly Pid[];
  readonly threads: readonly BorrowedThread[];
  peeked: readonly PeekedThread[];
  maps: readonly MapEntry[];
  readonly status: ProcStatus;
  readonly restricted: boolean;
  readonly borrowed: Borrowed;
  readonly #timed: readonly (TimedCall | undefined)[];

  /** Takes a frozen process over. */
  constructor(frozen: FrozenTask, leaveRunning: boolean, sleepers: Sleepers) {
    this.pid = frozen.pid;
    this.frozen = frozen;
    this.tids = frozen.threads.map((t) => t.tid);
    this.threads = frozen.threads.map((t) => new BorrowedThread(t));
    this.maps = readMaps(frozen.pid);
    const mappings = this.maps.map(borrowMapping);
    this.peeked = this.threads.map((thread, i) => peekThread(frozen.pid, thread, i === 0, mappings, sleepers));
    this.status = this.peeked[0]!.status;
    this.#timed = this.peeked.map(({ timed }) => timed);
    const restricted = this.peeked.flatMap(({ seccomp }) => (seccomp ? [restrictionOf(seccomp)] : []));
    this.restricted = restricted.length > 0;
    this.borrowed = Borrowed.of(frozen.pid, this.threads, mappings, leaveRunning ? SNAPSHOT_RINGS : [], {
      guard: guardOf(restricted),
    });
  }

  get puppet(): Puppet {
    return this.borrowed.puppet;
  }

  /** Its threads, which are given back and stand, wait for what is left of their time. */
  waitRest(): void {
    this.#timed.forEach((timed, i) => {
      if (timed) waitRest(this.threads[i]!, timed);
    });
  }

  batch(): Batch {
    return this.borrowed.puppet.batch();
  }
}

/** What borrowing needs to know of a mapping. */
export function borrowMapping(map: MapRange): BorrowMapping {
  return {
    start: Number(map.start),
    end: Number(map.end),
    writable: (map.prot & 2) !== 0,
    executable: (map.prot & 4) !== 0,
    shared: map.shared,
    key: map.inode ? `${map.devMajor}:${map.devMinor}:${map.inode}:${map.offset}` : '',
    name: map.path,
  };
}
