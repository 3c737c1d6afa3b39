import { spawn, type ChildProcess } from 'node:child_process';

/**
 * Reads "PID DIRECTORY", and "-PID" when it has ended; at the end of its input it ends those that are still in theirs, and
 * takes away what is mounted there, and the directories.
 */
const WATCH = `
known=
while read -r pid dir; do
  case $pid in
    -*) known=$(printf '%s\\n' "$known" | grep -v "^\${pid#-} ") ;;
    *) known="$known
$pid $dir" ;;
  esac
done
printf '%s\\n' "$known" | while read -r pid dir; do
  [ -n "$pid" ] || continue
  if [ "$(readlink "/proc/$pid/cwd")" = "$dir" ]; then kill -9 "-$pid" "$pid" 2>/dev/null; fi
  grep -F " $dir/" /proc/mounts | cut -d ' ' -f 2 | sort -r | while read -r mount; do umount -l "$mount"; done
  rm -rf --one-file-system "$dir"
done`;

let watcher: ChildProcess | undefined;

function tell(line: string): void {
  if (!watcher) {
    // in a session of its own: ^C on the terminal is not for it
    watcher = spawn('sh', ['-c', WATCH], { cwd: '/', detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
    watcher.unref();
    (watcher.stdin as unknown as { unref: () => void }).unref();
    watcher.stdin?.on('error', () => undefined);
  }
  watcher.stdin?.write(`${line}\n`);
}

/** Has a process that works in a directory, its group and what is mounted there ended should the test be killed (^C, a time that is up). */
export function guard(pid: number, dir: string): void {
  tell(`${pid} ${dir}`);
}

export function unguard(pid: number): void {
  tell(`-${pid}`);
}
