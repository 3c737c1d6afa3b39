import { FdTypes } from '../../image/generated/messages.js';
import { parseFdInfo, timerFdInfo, type TimerFdInfo } from '../../kernel/proc/fdinfo.js';
import { ITIMERSPEC_BYTES } from '../../kernel/uapi/time.js';
import { sysRaw } from '../../native/sys.js';
import { readFileSync } from 'node:fs';
import type { FileKind } from './kind.js';
import { unsupported } from './unsupported.js';

/**
 * timerfd_create(2). A periodic timer that expired and was not read stands still until it is asked: the kernel then adds
 * the periods that passed to the unread expirations and starts the next one (timerfd_gettime(2) does that and consumes
 * nothing). Without asking, fdinfo would show one expiration and no time left.
 */
export const timerfd: FileKind = {
  type: FdTypes.TIMERFD,
  matches: ({ link }) => link === 'anon_inode:[timerfd]',
  make: (files) => (file) => {
    let told = timerFdInfo(file.info);
    if (!told) throw unsupported(file, 'a timerfd about which the kernel tells nothing');
    if (isOverdue(told))
      told = files.use(file, (fd) => {
        sysRaw('timerfd_gettime', fd, new Uint8Array(ITIMERSPEC_BYTES));
        return timerFdInfo(parseFdInfo(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))) ?? told!;
      });
    return {
      tfd: {
        id: file.id,
        flags: file.info.flags,
        fown: file.owner,
        clockid: told.clockid,
        ticks: told.ticks,
        settime_flags: told.settimeFlags,
        vsec: told.valueSec,
        vnsec: told.valueNsec,
        isec: told.intervalSec,
        insec: told.intervalNsec,
      },
    };
  },
};

function isOverdue(told: TimerFdInfo): boolean {
  return told.valueSec + told.valueNsec === 0n && told.intervalSec + told.intervalNsec !== 0n;
}
