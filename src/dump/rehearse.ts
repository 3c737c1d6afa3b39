import { openSync, closeSync } from 'node:fs';
import { areaBytes, SLIM, WIDE } from '../task/area.js';
import * as C from '../kernel/clone.js';
import * as L from '../task/generated/layout.js';
import { cloneInto } from '../task/snapshot.js';
import { readMaps } from '../kernel/maps.js';
import { readChildren } from '../kernel/tasks.js';
import { findGadgets } from '../task/arch/x86_64/gadgets.js';
import { executableMappings } from '../task/borrow.js';
import { borrowMapping } from './task.js';
import { lookAtMappedFiles } from './vmas.js';
import { createArea, spawnPuppet } from '../task/stub.js';
import { sysRaw } from '../native/sys.js';

const WALL = 0x40000000;
const THREAD_FLAGS =
  C.CLONE_VM | C.CLONE_FS | C.CLONE_FILES | C.CLONE_SIGHAND | C.CLONE_THREAD | C.CLONE_SYSVSEM;
/** Somewhere far from where the kernel puts a static program, its stack and the vDSO. */
const BASE = 0x1000_0000_0000;

/**
 * Lets `perform` dump a process of crit's own first. JavaScript is compiled and optimised as it runs: what is run for
 * the first time takes ten times as long, and that time must not fall into the stop of the real tree.
 */
export function rehearse(perform: (pid: number) => void): void {
  const { area, fd } = createArea(BASE, areaBytes([WIDE, SLIM]));
  const nothing = openSync('/dev/null', 'r+');
  try {
    const puppet = spawnPuppet({
      area,
      areaFd: fd,
      ring: area.ring(WIDE),
      setTid: [],
      keep: [nothing, nothing, nothing],
      untraced: true,
    });
    try {
      const b = puppet.batch();
      b.call('close', 3);
      b.call('setsid');
      // a second thread: threads take ways of their own
      const ring = area.ring(SLIM);
      ring.set(L.RING_ON_DEATH, L.DEATH_EXIT);
      cloneInto(b, ring, THREAD_FLAGS);
      b.run();
      perform(puppet.tid);
    } finally {
      sysRaw('kill', puppet.tid, 9);
      sysRaw('wait4', puppet.tid, null, WALL, null);
    }
  } finally {
    closeSync(nothing);
    closeSync(fd);
    area[Symbol.dispose]();
  }
}

/** What can be looked up while the tree still runs: the instructions that borrowing needs, once a library. */
export function lookAhead(pid: number): void {
  const visit = (at: number, depth: number) => {
    try {
      const maps = readMaps(at);
      findGadgets(at, executableMappings(maps.map(borrowMapping)));
      lookAtMappedFiles(at, maps);
      if (depth < 64) for (const child of readChildren(at)) visit(child, depth + 1);
    } catch {
      // it ended, or will be refused when it is stopped
    }
  };
  visit(pid, 0);
}
