import { fstatSync, readFileSync, readlinkSync } from 'node:fs';

/** Linux, Documentation/admin-guide/devices.txt: /dev/null is 1:3. */
const NULL_DEVICE = 0x103;
const O_ACCMODE = 3;
const O_RDWR = 2;

const SHELLS: ReadonlySet<string> = new Set(['sh', 'bash', 'dash', 'zsh', 'ksh', 'mksh', 'ash', 'busybox', 'fish']);

/** Whether a process has /dev/null open for both reading and writing as its standard output. */
function hasNull(pid: number | 'self'): boolean {
  if (readlinkSync(`/proc/${pid}/fd/1`) !== '/dev/null') return false;
  const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/${pid}/fdinfo/1`, 'latin1'))?.[1] ?? '0';
  return (Number.parseInt(flags, 8) & O_ACCMODE) === O_RDWR;
}

/**
 * Whether the shell closed our standard output (`>&-`). Node opens /dev/null in its place, for reading and writing, before
 * anybody can look; so do programs that want no output from a child. A shell opens files for one of the two: where our
 * parent is a shell and has no such descriptor itself, it was closed.
 */
export function stdoutWasClosed(): boolean {
  try {
    const stat = fstatSync(1);
    if (!stat.isCharacterDevice() || stat.rdev !== NULL_DEVICE || !hasNull('self')) return false;
    if (!SHELLS.has(readFileSync(`/proc/${process.ppid}/comm`, 'utf8').trim())) return false;
    try {
      return !hasNull(process.ppid);
    } catch (error) {
      // it has closed its own
      return (error as NodeJS.ErrnoException).code === 'ENOENT';
    }
  } catch {
    return false;
  }
}
