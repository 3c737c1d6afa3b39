import { imageFileName } from '../../image/catalogue.js';
import { MarkType, type FhEntry, type InotifyWdEntry } from '../../image/generated/messages.js';
import { watchFault } from '../../image/watch-faults.js';
import { SIGNALS, signalBit, signalName } from '../../kernel/uapi/signal.js';
import {
  CLOCK_BOOTTIME,
  CLOCK_BOOTTIME_ALARM,
  CLOCK_MONOTONIC,
  CLOCK_REALTIME,
  CLOCK_REALTIME_ALARM,
  TFD_TIMER_ABSTIME,
  TFD_TIMER_CANCEL_ON_SET,
} from '../../kernel/uapi/time.js';
import type { CheckedSet } from './checked-set.js';
import { DUMP_AGAIN, type Rule } from './finding.js';
import { ownNamespaces } from './namespaces.js';

const NSEC = 1_000_000_000n;
/** Seconds that a timer of the kernel holds: nanoseconds in 63 bits (linux/ktime.h, KTIME_SEC_MAX). */
const MOST_SECONDS = 9_223_372_036n;
/** linux/exportfs.h, MAX_HANDLE_SZ */
const HANDLE_BYTES = 128;
const TIMERFD_CLOCKS: readonly number[] = [
  CLOCK_REALTIME,
  CLOCK_MONOTONIC,
  CLOCK_BOOTTIME,
  CLOCK_REALTIME_ALARM,
  CLOCK_BOOTTIME_ALARM,
];
const TIMERFD_FLAGS = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;
/** linux/bpf.h, BPF_OBJ_NAME_LEN, less its NUL. */
const BPF_NAME_BYTES = 15;

/** Why the file of a watch cannot be found. */
function handleFault({ bytes, handle, path }: FhEntry): string | undefined {
  if (path !== undefined) return path.startsWith('/') ? undefined : `${JSON.stringify(path)} is no absolute path`;
  if (bytes > HANDLE_BYTES) return `a handle of ${bytes} bytes, ${HANDLE_BYTES} are the most`;
  return (handle?.length ?? 0) * 8 < bytes ? `the handle has fewer than its ${bytes} bytes` : undefined;
}

/** Mounts of the set; undefined where the tree is in a mount namespace that it does not tell of. */
function mountIds(set: CheckedSet): Set<number> | undefined {
  const own = ownNamespaces(set).get('mnt');
  if (!own || [...own].some((ns) => !set.keep('MNTS', ns))) return undefined;
  return new Set([...own].flatMap((ns) => (set.keep('MNTS', ns) ?? []).map(({ mnt_id }) => mnt_id)));
}

/** Older images have watches and marks in files of their own. */
function* wholeWatches(set: CheckedSet) {
  const apart = set.keep('INOTIFY_WD') ?? [];
  for (const { message, image, entry, file } of set.of('ify'))
    yield { image, entry, wd: [...(message.wd ?? []), ...apart.filter(({ id }) => id === file.id)] };
}

/** Kernel objects that descriptors stand for: watches, timers, masks, maps. */
export const objectRules: readonly Rule[] = [
  {
    code: 'V_INOTIFY',
    severity: 'error',
    checks: 'a watch of an inotify has a number of its own, and the path or the handle of a file',
    todo: DUMP_AGAIN,
    walk: (set, report) => {
      for (const { image, entry, wd } of wholeWatches(set)) {
        const byNumber = wd.map((watch, i): [InotifyWdEntry, number] => [watch, i]).sort(([a], [b]) => a.wd - b.wd);
        let last = 0;
        for (const [watch, i] of byNumber) {
          const place = (field: string) => ({ image, entry, field: `ify.wd[${i}].${field}` });
          const fault = watchFault(watch, last);
          if (fault !== undefined) report(place('wd'), `watch ${watch.wd} ${fault}`);
          last = watch.wd;
          const handle = handleFault(watch.f_handle);
          if (handle !== undefined) report(place('f_handle'), handle);
        }
      }
    },
  },
  {
    code: 'V_FANOTIFY',
    severity: 'error',
    checks: 'a mark of a fanotify has the file or the mount that it is on',
    todo: DUMP_AGAIN,
    walk: (set, report) => {
      const mounts = mountIds(set);
      const apart = set.keep('FANOTIFY_MARK') ?? [];
      for (const { message, image, entry, file } of set.of('ffy'))
        for (const [i, { type, ie, me }] of [
          ...(message.mark ?? []),
          ...apart.filter(({ id }) => id === file.id),
        ].entries()) {
          const field = `ffy.mark[${i}]`;
          if (type === MarkType.INODE) {
            const fault = ie ? handleFault(ie.f_handle) : 'it is on a file, which is missing';
            if (fault !== undefined) report({ image, entry, field: `${field}.ie` }, fault);
          } else if (type !== MarkType.MOUNT && type !== MarkType.FILESYSTEM)
            report({ image, entry, field: `${field}.type` }, `${type} is no mark`);
          else if (!me) report({ image, entry, field: `${field}.me` }, 'it is on a mount, which is missing');
          else if (mounts && !mounts.has(me.mnt_id))
            report({ image, entry, field: `${field}.me.mnt_id` }, `no mount has the number ${me.mnt_id}`);
        }
    },
  },
  {
    code: 'V_TIMERFD',
    severity: 'error',
    checks: 'a timerfd has a clock, flags and times that timerfd_settime(2) takes',
    todo: DUMP_AGAIN,
    walk: (set, report) => {
      for (const { message: tfd, image, entry } of set.of('tfd')) {
        const place = (field: string) => ({ image, entry, field: `tfd.${field}` });
        if (!TIMERFD_CLOCKS.includes(tfd.clockid)) report(place('clockid'), `${tfd.clockid} is no clock of a timerfd`);
        if (tfd.settime_flags & ~TIMERFD_FLAGS)
          report(place('settime_flags'), `0x${tfd.settime_flags.toString(16)} has bits that are no flags`);
        for (const field of ['vnsec', 'insec'] as const)
          if (tfd[field] >= NSEC) report(place(field), 'is more than a second');
        for (const field of ['vsec', 'isec'] as const)
          if (tfd[field] > MOST_SECONDS) report(place(field), `${tfd[field]} seconds are more than a timer holds`);
      }
    },
  },
  {
    code: 'V_SIGNALFD',
    severity: 'error',
    checks: 'a signalfd takes no signal that cannot be taken',
    todo: DUMP_AGAIN,
    walk: (set, report) => {
      for (const { message, image, entry } of set.of('sgfd'))
        for (const signal of [SIGNALS.SIGKILL, SIGNALS.SIGSTOP])
          if (message.sigmask & signalBit(signal))
            report({ image, entry, field: 'sgfd.sigmask' }, `no mask of a dump has ${signalName(signal)}`);
    },
  },
  {
    code: 'V_BPF_MAP',
    severity: 'error',
    checks: 'the contents of a BPF map are those of an open one, and fit into it',
    todo: DUMP_AGAIN,
    walk: (set, report) => {
      const maps = new Map<number, { key_size: number; value_size: number; max_entries: number }>();
      for (const { message, image, entry } of set.of('bpf')) {
        maps.set(message.map_id, message);
        set.mustHave('BPFMAP_DATA', undefined, `map ${message.map_id} is open: its contents are told there`);
        const bytes = Buffer.byteLength(message.map_name);
        if (bytes > BPF_NAME_BYTES)
          report({ image, entry, field: 'bpf.map_name' }, `has ${bytes} bytes, ${BPF_NAME_BYTES} are the most`);
      }
      if (!set.byId) return;
      const image = imageFileName('BPFMAP_DATA');
      for (const [entry, { map_id, keys_bytes, values_bytes, count }] of (set.keep('BPFMAP_DATA') ?? []).entries()) {
        const map = maps.get(map_id);
        if (!map) {
          report({ image, entry, field: 'map_id' }, `no open map has the id ${map_id}`);
          continue;
        }
        if (count > map.max_entries)
          report({ image, entry, field: 'count' }, `${count} elements, the map holds ${map.max_entries}`);
        for (const [field, bytes, size] of [
          ['keys_bytes', keys_bytes, map.key_size],
          ['values_bytes', values_bytes, map.value_size],
        ] as const)
          if (bytes !== count * size)
            report({ image, entry, field }, `${bytes} bytes, ${count} elements of ${size} bytes are ${count * size}`);
      }
    },
  },
  {
    code: 'V_TIMENS',
    severity: 'error',
    checks: 'the clocks of a time namespace show times',
    todo: DUMP_AGAIN,
    walk: (set, report) => {
      for (const { file: image, type, id } of set.files)
        if (type === 'TIMENS' && id !== undefined)
          for (const [entry, clocks] of (set.keep('TIMENS', id) ?? []).entries())
            for (const field of ['monotonic', 'boottime', 'realtime'] as const) {
              const { tv_sec = 0n, tv_nsec = 0n } = clocks[field] ?? {};
              if (tv_nsec >= NSEC) report({ image, entry, field: `${field}.tv_nsec` }, 'is more than a second');
              if (tv_sec > MOST_SECONDS)
                report({ image, entry, field: `${field}.tv_sec` }, `${tv_sec} seconds are more than a clock shows`);
            }
    },
  },
];
