import { NETWORK_LOCK } from '../../image/network-lock.js';
import { lockName, unlockRequest } from '../../kernel/netlink/nftables.js';
import { addon } from '../../native/addon.js';
import type { Batch } from '../../task/batch.js';
import { Netfilter } from '../../task/netfilter.js';
import type { Files } from './group.js';

/** What may be a part of the name of a table. */
const RUN_ID = /^[\w-]{1,64}$/;

/** The table of nf_tables that a dump has left behind, so that no segment reaches connections that are not there. */
export interface NetworkLock {
  removeLock(b: Batch): void;
}

/** The lock of the set that is restored; undefined where nf_tables has nothing to do with it. */
export function networkLock(files: Files): NetworkLock | undefined {
  const inventory = files.images.dir.read('INVENTORY').entries[0]?.message;
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
