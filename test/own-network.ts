import { spawnSync } from 'node:child_process';
import { CLONE_NEWNET } from '../src/kernel/uapi/clone.js';
import { sys } from '../src/native/sys.js';

/** Moves this process, and what it starts from here on, to a network namespace of its own, with nothing but a loopback interface. */
export function moveToOwnNetwork(): void {
  sys('unshare', CLONE_NEWNET);
  const { status, stderr } = spawnSync('ip', ['link', 'set', 'lo', 'up'], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip link set lo up: ${stderr}`);
}
