import { TFD_IOC_SET_TICKS } from '../../kernel/uapi/ioctl.js';
import {
  CLOCK_BOOTTIME,
  CLOCK_BOOTTIME_ALARM,
  CLOCK_REALTIME,
  CLOCK_REALTIME_ALARM,
  TFD_TIMER_ABSTIME,
  TFD_TIMER_CANCEL_ON_SET,
} from '../../kernel/uapi/time.js';
import type { TimerfdEntry } from '../../image/generated/messages.js';
import { sys } from '../../native/sys.js';
import { group, type GroupMaker } from './group.js';
import { place, setFlags } from './place.js';

const NSEC = 1_000_000_000n;
/** A clock that can wake the machine up tells no time where the machine has none of them: its plain clock does. */
const WITHOUT_ALARM: ReadonlyMap<number, number> = new Map([
  [CLOCK_REALTIME_ALARM, CLOCK_REALTIME],
  [CLOCK_BOOTTIME_ALARM, CLOCK_BOOTTIME],
]);

/** timerfd_create(2); they are started when all tasks are there. */
export const timerfd: GroupMaker<'tfd'> = (files, entries) => {
  for (const { id } of entries) files.slot(id);
  return group('timerfds', {
    open: ({ b }) => {
      for (const { id, tfd } of entries) {
        place(b, b.call('timerfd_create', tfd.clockid, 0), files.slot(id));
        setFlags(b, files.slot(id), tfd.flags);
      }
    },
    live: ({ b }) => {
      for (const { id, tfd } of entries) {
        const slot = files.slot(id);
        const flags = tfd.settime_flags & (TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET);
        using _doing = b.doing(`starting the timer of file ${id}`);
        b.call('timerfd_settime', slot, flags, timerspec(tfd, files.ctx.clocks.aheadNs(tfd.clockid)), null);
        if (tfd.ticks) b.call('ioctl', slot, TFD_IOC_SET_TICKS, new Uint8Array(BigUint64Array.of(tfd.ticks).buffer));
      }
    },
  });
};

/**
 * struct itimerspec. The images tell what was left, also of a timer that was set to a time of day. A periodic timer whose
 * time was over and unread shows nothing left: CRIU would leave it switched off.
 * @param aheadNs how far the clock of the restored tasks is ahead of crit's
 */
export function timerspec(tfd: TimerfdEntry, aheadNs = 0n): Uint8Array {
  const interval = tfd.isec * NSEC + tfd.insec;
  let value = tfd.vsec * NSEC + tfd.vnsec;
  if (value === 0n && interval > 0n && tfd.ticks > 0n) value = interval;
  if (value > 0n && tfd.settime_flags & TFD_TIMER_ABSTIME) {
    const now = new BigInt64Array(2);
    sys('clock_gettime', WITHOUT_ALARM.get(tfd.clockid) ?? tfd.clockid, now);
    value += now[0]! * NSEC + now[1]! + aheadNs;
  }
  return new Uint8Array(BigInt64Array.of(tfd.isec, tfd.insec, value / NSEC, value % NSEC).buffer);
}
