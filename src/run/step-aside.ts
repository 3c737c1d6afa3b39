import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { CritError } from '../image/errors.js';
import { findPidGap, meetsWanted } from '../image/pid-gap.js';
import { whyFailed } from '../image/system-words.js';
import { ImageDir } from '../encode/image-dir.js';
import { errnoWords } from '../kernel/uapi/errno.js';
import { LAST_PID, readLastPid, readPidMax, writeLastPid } from '../kernel/proc/last-pid.js';
import { execve } from '../native/execve.js';
import { cString } from '../native/sys.js';

/** Tells a crit that it has moved already, and how often. */
const MOVED = 'CRIT_MOVED';
/** Somebody else may take numbers at the same time. */
const MOVES_MAX = 3;
/** Node has some ten threads; scripts and helpers come on top. */
const WIDTH = 128;

/** What the images want: numbers of tasks, and with those of groups and sessions. */
interface Wanted {
  tasks: ReadonlySet<number>;
  all: ReadonlySet<number>;
}

/** @returns undefined for images that cannot be read: the restore will tell why */
function wantedBy(imagesDir: string): Wanted | undefined {
  try {
    const entries = new ImageDir(imagesDir).read('PSTREE').entries.map(({ message }) => message);
    const tasks = new Set(entries.flatMap(({ pid, threads }) => [pid, ...(threads ?? [])]));
    // 0 is a group or session outside of the namespace
    const all = new Set([...tasks, ...entries.flatMap(({ pgid, sid }) => [pgid, sid])].filter((pid) => pid > 0));
    return { tasks, all };
  } catch (error) {
    if (error instanceof CritError) return undefined;
    throw error;
  }
}

/** How often this crit has moved. Nobody whom it starts reads that. */
function takeMoves(): number {
  const moves = Number(process.env[MOVED] ?? 0);
  // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- one name, told above
  delete process.env[MOVED];
  return Number.isInteger(moves) && moves > 0 ? moves : 0;
}

/**
 * Gets crit out of the way of the numbers that the images want, before anything is started: in a new pid namespace the
 * threads of Node have just those. The numbers that come next are moved beyond the wanted ones; where a thread has one
 * already, crit executes itself again: its threads are made anew, while its pid, parent, descriptors and arguments stay.
 * Cost: 4 small files; when crit moves, a second start of Node.
 * @param keep descriptors that stay besides the standard ones
 * @throws CritError PID_IN_USE: the pid of crit itself is free only when its parent has waited for it
 */
export function stepAside(imagesDir: string, keep: readonly number[]): void {
  const moves = takeMoves();
  const wanted = wantedBy(imagesDir);
  if (!wanted) return;
  checkProc();
  if (wanted.tasks.has(process.pid))
    throw new CritError(
      `pid ${process.pid} is that of crit itself, and the images want it: start crit again, with another pid (echo ${Math.max(...wanted.all)} > ${LAST_PID} makes the next ones larger)`,
      { code: 'PID_IN_USE' },
    );
  const threads = readdirSync('/proc/self/task').map(Number);
  const taken = threads.find((tid) => tid !== process.pid && wanted.all.has(tid));
  // While no number is taken yet, it may go well.
  const cannot = (why: string, cause?: unknown): void => {
    if (taken !== undefined)
      throw new CritError(
        `pid ${taken} is that of a thread of crit's, and the images want it: crit cannot get out of the way, ${why}`,
        { code: 'PID_IN_USE', cause },
      );
  };
  try {
    const pidMax = readPidMax();
    if (taken === undefined && !meetsWanted(wanted.all, readLastPid(), pidMax, WIDTH)) return;
    const gap = findPidGap(wanted.all, pidMax, WIDTH);
    if (gap === undefined) {
      cannot(`for below pid_max (${pidMax}) the images leave no ${WIDTH} numbers in a row`);
      return;
    }
    writeLastPid(gap);
  } catch (error) {
    if (error instanceof CritError) throw error;
    cannot(`for ${LAST_PID} cannot be written (${whyFailed(error)})`, error);
    return;
  }
  if (taken === undefined) return;
  if (moves >= MOVES_MAX) cannot(`for others take its numbers each time (${moves} times)`);
  cannot(`for it cannot execute itself again (${errnoWords(executeAgain(moves + 1, keep))})`);
}

/** What crit reads in /proc of a number must be about the task that has the number in crit's namespace. */
function checkProc(): void {
  if (readlinkSync('/proc/self') !== String(process.pid))
    throw new CritError(
      '/proc is that of another pid namespace than the one crit runs in: mount it there (mount -t proc proc /proc, or unshare --mount-proc)',
      { code: 'FOREIGN_PROC' },
    );
}

/** The strings of a file of /proc, byte for byte, each with its NUL. */
function strings(file: string): Buffer[] {
  const bytes = readFileSync(file);
  const words: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf(0, at) + 1 || bytes.length;
    words.push(bytes.subarray(at, end));
    at = end;
  }
  return words;
}

/** The same program with the same arguments and environment. @returns -errno, only when it cannot be done */
function executeAgain(moves: number, keep: readonly number[]): number {
  const mark = cString(`${MOVED}=${moves}`);
  const env = strings('/proc/self/environ').filter((word) => !word.toString('latin1').startsWith(`${MOVED}=`));
  return execve('/proc/self/exe', strings('/proc/self/cmdline'), [...env, mark], keep);
}
