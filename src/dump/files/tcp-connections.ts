import { closeSync } from 'node:fs';
import type { InetSkEntry, Messages } from '../../image/generated/messages.js';
import { NETWORK_LOCK } from '../../image/network-lock.js';
import { lockName, lockRequest } from '../../kernel/netlink/nftables.js';
import { randomUuid } from '../../kernel/proc/system-files.js';
import { directionsOf } from '../../kernel/tcp-directions.js';
import { REPAIR_ON, TCP_REPAIR } from '../../kernel/uapi/inet.js';
import { SIGKILL } from '../../kernel/uapi/signal.js';
import { IPPROTO_TCP } from '../../kernel/uapi/socket.js';
import { CritError } from '../../image/errors.js';
import { addon } from '../../native/addon.js';
import { SysError } from '../../native/sys.js';
import { IptablesLock } from '../../task/iptables-lock.js';
import { Netfilter } from '../../task/netfilter.js';
import { runApart } from '../../task/own.js';
import type { DumpContext } from '../context.js';
import type { Resource } from '../resource.js';
import type { Description } from './description.js';
import { readTcpStream } from './tcp-stream.js';

interface Connection {
  readonly file: Description;
  /** crit's own descriptor, until the end: the socket outlives its process by it. */
  readonly fd: number;
  readonly isk: InetSkEntry;
}

/**
 * TCP connections (--tcp-established). No segment reaches them from the moment they are read until they are restored, or run
 * on: a table of nf_tables drops it. That table belongs to crit's netlink socket and goes with it, so crit's death leaves the
 * connections as they were. Rules of iptables are deleted by a process that sees crit's end. A socket is in repair mode for a few system calls only, and a process makes these that crit's
 * death does not interrupt (runApart).
 */
export class TcpConnections implements Resource {
  readonly name = 'TCP connections';
  readonly #ctx: DumpContext;
  readonly #connections: Connection[] = [];
  readonly #runId = randomUuid();
  #lock: Netfilter | undefined;
  #rules: IptablesLock | undefined;

  constructor(ctx: DumpContext) {
    this.#ctx = ctx;
  }

  /** @param fd crit's own descriptor, taken over. @param isk its state is filled in when it is read */
  add(file: Description, fd: number, isk: InetSkEntry): void {
    this.#connections.push({ file, fd, isk });
  }

  known(): void {
    const { options } = this.#ctx;
    if (this.#connections.length === 0 || this.#ctx.running) return;
    if (options.networkLock === 'nftables') this.#lock = this.#locked();
    if (options.networkLock === 'iptables') {
      this.#rules = new IptablesLock(
        this.#connections.map(({ isk }) => isk),
        'end',
      );
      this.#rules.insert();
    }
    for (const { file, fd, isk } of this.#connections) {
      this.#ctx.write('TCP_STREAM', isk.ino, [readTcpStream(file, fd, isk)]);
    }
    // what runs on is not kept from the network longer than that
    if (options.leaveRunning) this.#unlock();
  }

  #locked(): Netfilter {
    const lock = new Netfilter();
    try {
      lock.ask(this.#request(true));
      return lock;
    } catch (error) {
      lock[Symbol.dispose]();
      if (!(error instanceof SysError)) throw error;
      throw new CritError(
        `the network cannot be locked for TCP connections (nf_tables: ${error.message}): --network-lock skip leaves that to you`,
        { code: 'NETWORK_LOCK', cause: error },
      );
    }
  }

  #request(owned: boolean): Uint8Array {
    return lockRequest(
      owned ? `CRIT-${this.#runId}` : lockName(this.#runId),
      owned,
      this.#connections.flatMap(({ isk }) => Object.values(directionsOf(isk))),
    );
  }

  #unlock(): void {
    this.#lock?.[Symbol.dispose]();
    this.#lock = undefined;
    const left = this.#rules?.settle() ?? [];
    this.#rules = undefined;
    if (left.length > 0) this.#ctx.log.warn(`of the network lock for TCP connections is left: ${left.join('; ')}`);
  }

  /**
   * The images are complete: the lock is made to stay, the processes are killed, and their connections are put into repair
   * mode, in which closing one sends nothing. All or nothing of that is done, also if crit is killed.
   */
  end(pids: readonly number[]): void {
    const lock = this.#lock;
    const rules = this.#rules;
    if (this.#connections.length === 0 || this.#ctx.options.tcpClose) return;
    const request = this.#request(false);
    runApart((b) => {
      if (lock) lock.add(b, addon().addressOf(request), request.length);
      rules?.tell(b);
      for (const pid of pids) b.tryCall('kill', pid, SIGKILL);
      for (const { fd } of this.#connections) b.tryCall('setsockopt', fd, IPPROTO_TCP, TCP_REPAIR, int(REPAIR_ON), 4);
    });
    const errno = lock?.answer() ?? 0;
    if (errno)
      this.#ctx.log.warn(
        `the network is not locked for the TCP connections until they are restored: ${new SysError('sendto', errno).message}`,
      );
  }

  inventory(): Partial<Messages['inventory_entry']> {
    const { networkLock, tcpClose } = this.#ctx.options;
    return {
      network_lock_method: NETWORK_LOCK[networkLock],
      dump_criu_run_id: this.#runId,
      ...(tcpClose && { tcp_close: true }),
    };
  }

  [Symbol.dispose](): void {
    for (const { fd } of this.#connections) closeSync(fd);
    this.#unlock();
  }
}

const int = (value: number) => new Uint8Array(Int32Array.of(value).buffer);
