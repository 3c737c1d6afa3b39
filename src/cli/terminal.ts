import { fstatSync } from 'node:fs';

/** The major number of /dev/null and its kin (Linux, Documentation/admin-guide/devices.txt). */
const MEMORY_DEVICES = 1;

/**
 * Whether the descriptor is a terminal. node:tty brings sockets and streams along, 3 ms: it is asked only about what
 * may be one.
 */
export async function isTerminal(fd: number): Promise<boolean> {
  try {
    const stat = fstatSync(fd);
    if (!stat.isCharacterDevice() || stat.rdev >> 8 === MEMORY_DEVICES) return false;
  } catch {
    return false; // it is closed
  }
  return (await import('node:tty')).isatty(fd);
}
