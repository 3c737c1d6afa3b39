import type { ImagePid } from '../image/pid.js';
import { SIGKILL } from '../kernel/uapi/signal.js';
import { __WALL } from '../kernel/uapi/wait.js';
import { sys, sysRaw } from '../native/sys.js';
import type { Puppet } from '../task/puppet.js';
import type { Ring } from '../task/ring.js';
import { spawnPuppet, type SpawnOptions } from '../task/stub.js';
import { fork } from './births.js';

/**
 * As spawnPuppet, but the puppet has the parent already that it will have when crit has ended: whoever adopts orphans. A
 * parent death signal would else be due when crit ends, which is not the end of any parent that the process knew.
 * @param passing what the process in between has: a ring, and a pid that nobody wants
 */
export function spawnOrphan(options: SpawnOptions, passing: { ring: Ring; pid: ImagePid }): Puppet {
  const between = spawnPuppet({ ...options, ring: passing.ring, setTid: [passing.pid] });
  try {
    const puppet = fork(between, options.ring, options.setTid[0]!, 0);
    between.tracee!.detachRunning();
    between.batch().call('exit_group', 0);
    between.batch().submit();
    sys('wait4', between.tid, null, __WALL, null);
    return puppet;
  } catch (error) {
    sysRaw('kill', between.tid, SIGKILL);
    sysRaw('wait4', between.tid, null, __WALL, null);
    throw error;
  }
}
