import { CritError } from '../image/errors.js';
import { hasCapability } from '../kernel/uapi/capability.js';
import { readStatus } from '../kernel/proc/status.js';

/** Refuses to begin without what the kernel will ask for. @throws CritError PRIVILEGES */
export function checkPrivileges(): void {
  const { capEff, uid } = readStatus(process.pid);
  if (!hasCapability(capEff, 'CAP_SYS_ADMIN') && !hasCapability(capEff, 'CAP_CHECKPOINT_RESTORE'))
    throw new CritError('crit needs CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE: run it as root', { code: 'PRIVILEGES' });
  if (uid.effective !== 0)
    throw new CritError('crit must run as root: --unprivileged is not supported yet', { code: 'PRIVILEGES' });
}
