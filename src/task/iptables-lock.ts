import { spawnSync, type StdioOptions } from 'node:child_process';
import { closeSync, readSync, writeSync } from 'node:fs';
import { CritError } from '../image/errors.js';
import type { InetSkEntry } from '../image/generated/messages.js';
import { iptablesRules, type IptablesRules } from '../kernel/iptables-rules.js';
import { MFD_CLOEXEC } from '../kernel/uapi/mman.js';
import { O_CLOEXEC } from '../kernel/uapi/open-flags.js';
import { POLLHUP, POLLIN } from '../kernel/uapi/socket.js';
import { pollFd } from '../native/poll.js';
import { cString, sys } from '../native/sys.js';
import type { Batch } from './batch.js';

const LONGEST_MS = 20_000;
const COMMANDS = ['iptables', 'ip6tables'] as const;
/** Where iptables is, whatever PATH says besides. */
const environment = () => ({ ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` });

/**
 * Of sh(1): deletes the rules in files 4 and 5, at once, or those that are there. What is left then is said on file 6. Signals
 * for crit's group of processes are not for it.
 */
const remover = (wait: string, missing: string) => `(trap '' HUP INT TERM; cd /; ${wait}
file=4; for tables in ${COMMANDS.join(' ')}; do
  rules=/proc/self/fd/$file; file=5; test -s $rules || continue
  command -v $tables-restore || { ${missing}; continue; }
  $tables-restore -w --noflush <$rules || while read -r command rule; do
    test "$command" = -D || continue
    $tables -w -t filter -D $rule || { $tables -w -t filter -C $rule && echo "$tables -D $rule" >&6; }
  done <$rules
done) >/dev/null 2>&1 &`;
const WORD = 'done\n';

function pipe(): readonly [read: number, write: number] {
  const ends = new Int32Array(2);
  sys('pipe2', ends, O_CLOEXEC);
  return [ends[0]!, ends[1]!];
}

function file(text: string): number {
  const fd = sys('memfd_create', cString('iptables-rules'), MFD_CLOEXEC);
  if (text) writeSync(fd, text);
  return fd;
}

/**
 * Rules of iptables(8) that drop the segments of TCP connections (`--network-lock iptables`). They outlive crit, so a process
 * of sh(1) that waits for crit's word, or for its end, deletes them.
 */
export class IptablesLock implements Disposable {
  readonly #rules: readonly IptablesRules[];
  readonly #word: number;
  readonly #said: number;
  readonly #bytes = Buffer.from(WORD);

  /** @param deleteAt what has it delete the rules: the word, or crit's end without it */
  constructor(connections: readonly InetSkEntry[], deleteAt: 'word' | 'end') {
    this.#rules = iptablesRules(connections);
    const [its, crits] = pipe();
    const [said, says] = pipe();
    const files = this.#rules.map(({ remove }) => file(remove));
    const script =
      deleteAt === 'word'
        ? remover('read -r word <&3 || exit', 'echo "there is no $tables" >&6')
        : remover('read -r word <&3 && exit', ':');
    const stdio: StdioOptions = ['ignore', 'ignore', 'ignore', its, ...files, says];
    spawnSync('/bin/sh', ['-c', script], { stdio, cwd: '/', env: environment() });
    for (const fd of [its, says, ...files]) closeSync(fd);
    this.#word = crits;
    this.#said = said;
  }

  /** Makes the rules. @throws CritError NETWORK_LOCK */
  insert(): void {
    COMMANDS.forEach((command, i) => {
      const { insert } = this.#rules[i]!;
      if (!insert) return;
      // it holds the pipe: nothing is deleted before it has ended
      const stdio: StdioOptions = ['pipe', 'ignore', 'pipe', this.#word];
      const { error, status, stderr } = spawnSync(`${command}-restore`, ['-w', '--noflush'], {
        input: insert,
        stdio,
        encoding: 'utf8',
        timeout: LONGEST_MS,
        env: environment(),
      });
      if (status === 0) return;
      const why = error?.message ?? stderr.trim().split('\n')[0] ?? '';
      throw new CritError(
        `the network cannot be locked for TCP connections (${command}-restore: ${why}): --network-lock nftables needs no iptables, skip leaves it to you`,
        { code: 'NETWORK_LOCK', cause: error },
      );
    });
  }

  /** Adds the word to a batch of crit's own. */
  tell(b: Batch): void {
    b.tryCall('write', this.#word, this.#bytes, this.#bytes.length);
  }

  /** Crit's end, as far as it is concerned. @returns what it could not delete: commands */
  settle(): readonly string[] {
    closeSync(this.#word);
    let text = '';
    const room = Buffer.alloc(4096);
    const until = Date.now() + LONGEST_MS;
    for (;;) {
      if ((pollFd(this.#said, POLLIN, Math.max(0, until - Date.now())) & (POLLIN | POLLHUP)) === 0) break;
      const n = readSync(this.#said, room);
      if (n === 0) break;
      text += room.toString('latin1', 0, n);
    }
    closeSync(this.#said);
    return text.split('\n').filter((line) => line !== '');
  }

  [Symbol.dispose](): void {
    this.settle();
  }
}
