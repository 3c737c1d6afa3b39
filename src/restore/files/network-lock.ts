import { NETWORK_LOCK } from '../../image/network-lock.js';
import { lockName, unlockRequest } from '../../kernel/netlink/nftables.js';
import { addon } from '../../native/addon.js';
import type { Batch } from '../../task/batch.js';
import { Netfilter } from '../../task/netfilter.js';
import type { InetSkEntry } from '../../image/generated/messages.js';
import { IptablesLock } from '../../task/iptables-lock.js';
import type { Files } from './group.js';

/** What may be a part of the name of a table. */
const RUN_ID = /^[\w-]{1,64}$/;

/** What a dump has left behind, so that no segment reaches connections that are not there. */
export interface NetworkLock {
  /** Together with the commit. */
  removeLock(b: Batch): void;
  /** The tree runs. */
  removed?(): void;
  /** It is to stay. */
  keep?(): void;
}

/** The lock of the set that is restored; undefined where nothing is known of one. */
export function networkLock(files: Files, connections: readonly InetSkEntry[]): NetworkLock | undefined {
  const inventory = files.images.dir.read('INVENTORY').entries[0]?.message;
  if (inventory?.network_lock_method === NETWORK_LOCK.iptables) return rulesOf(files, connections);
  const runId = inventory?.dump_criu_run_id ?? String(files.ctx.root.pid);
  if (inventory?.network_lock_method !== NETWORK_LOCK.nftables || !RUN_ID.test(runId)) return undefined;
  const request = unlockRequest(lockName(runId));
  const netfilter = new Netfilter();
  return {
    // that there is none is fine
    removeLock: (b) => {
      netfilter.add(b, addon().addressOf(request), request.length);
    },
  };
}

/** Rules of iptables: a process that waits for the commit deletes them. */
function rulesOf(files: Files, connections: readonly InetSkEntry[]): NetworkLock {
  let rules: IptablesLock | undefined = new IptablesLock(connections, 'word');
  const settle = () => {
    const left = rules?.settle() ?? [];
    rules = undefined;
    return left;
  };
  return {
    removeLock: (b) => {
      rules?.tell(b);
    },
    removed: () => {
      const left = settle();
      if (left.length > 0) files.ctx.log.warn(`of the network lock for TCP connections is left: ${left.join('; ')}`);
    },
    keep: settle,
  };
}
