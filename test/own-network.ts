import { spawnSync } from 'node:child_process';
import { CLONE_NEWIPC, CLONE_NEWNET } from '../src/kernel/uapi/clone.js';
import { sys } from '../src/native/sys.js';

/** Moves this process, and what it starts from here on, to a network namespace of its own, with nothing but a loopback interface. */
export function moveToOwnNetwork(): void {
  moveTo(CLONE_NEWNET);
}

/**
 * Moves it to an IPC namespace of its own as well: ports, and the numbers of System V objects, are shared with nobody, and
 * nothing of them is left when it ends.
 */
export function moveToOwnNamespaces(): void {
  moveTo(CLONE_NEWNET | CLONE_NEWIPC);
}

function moveTo(namespaces: number): void {
  sys('unshare', namespaces);
  const { status, stderr } = spawnSync('ip', ['link', 'set', 'lo', 'up'], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip link set lo up: ${stderr}`);
}
