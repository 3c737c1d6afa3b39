import { readFileSync } from 'node:fs';
import type { CritError } from '../../image/errors.js';
import { FdTypes } from '../../image/generated/messages.js';
import { hasNoState, KMSG, MISC_MAJOR } from '../../kernel/uapi/devices.js';
import { O_ACCMODE, O_PATH, O_WRONLY } from '../../kernel/uapi/open-flags.js';
import { devMajor, devMinor, kernelDev, S_IFCHR, S_IFMT } from '../../kernel/uapi/stat.js';
import { bootId, hasMessages, nextMessage } from '../../task/kernel-log.js';
import type { Description } from './description.js';
import type { FileKind } from './kind.js';
import { regular } from './regular.js';
import { unsupported } from './unsupported.js';

/** What images have of a file without a position. */
const NO_POSITION = 0xffff_ffff_ffff_ffffn;

/** Character devices without state: opening them again is all there is to it, but for the place in /dev/kmsg. */
export const chardev: FileKind = {
  type: FdTypes.REG,
  matches: ({ link, stat, info }) =>
    (stat.mode & S_IFMT) === S_IFCHR &&
    link.startsWith('/') &&
    (hasNoState(devMajor(stat.rdev), devMinor(stat.rdev)) || (info.flags & O_PATH) !== 0),
  make: (files) => {
    const path = regular.make(files);
    return (file) => {
      const entry = path(file);
      const { rdev } = file.stat;
      entry.reg!.rdev = kernelDev(devMajor(rdev), devMinor(rdev));
      // those of the others cannot be sought in
      if (devMajor(rdev) === MISC_MAJOR) entry.reg!.pos = NO_POSITION;
      if (isLog(file) && !files.ctx.running) {
        entry.reg!.kmsg_next = files.use(file, (fd) => placeIn(file, fd));
        entry.reg!.kmsg_boot = bootId();
      }
      return entry;
    };
  },
};

const isLog = ({ stat, info }: Description) =>
  devMajor(stat.rdev) === KMSG.major &&
  devMinor(stat.rdev) === KMSG.minor &&
  !(info.flags & O_PATH) &&
  (info.flags & O_ACCMODE) !== O_WRONLY;

/** Who has read all messages is at the end; where another reader is, the kernel tells nobody. */
function placeIn(file: Description, fd: number): bigint {
  const next = nextMessage();
  if (hasMessages(fd))
    throw unsupported(
      file,
      "the kernel's log with messages that nobody has read",
      'cannot be carried: dump again when they are read',
    );
  return next;
}

/** What a device keeps of who has it open, by the name of its driver. */
const KEEPS: Readonly<Record<string, string>> = {
  cpu_dma_latency: 'a wish for a latency, which holds as long as it is open',
  fuse: 'the connection of a file system',
  kvm: 'a virtual machine',
  'vhost-net': 'queues of a virtual machine',
  watchdog: 'a watchdog, which restarts the machine',
  input: 'events, and who has the device for himself',
  drm: 'memory and contexts of a graphics processor',
  alsa: 'a stream of sound',
  rtc: 'alarms of a clock',
};

/** A device that cannot be dumped: its number, its name, and what it keeps. */
export function refusedDevice(file: Description, number: string): CritError {
  const name = driverOf(devMajor(file.stat.rdev), devMinor(file.stat.rdev));
  const keeps = KEEPS[name ?? ''] ?? KEEPS[(name ?? '').replace(/\d+$/, '')];
  return unsupported(
    file,
    `a character device (${number}${name === undefined ? '' : `, ${name}`})`,
    keeps === undefined ? undefined : `is not supported: it keeps ${keeps}`,
  );
}

/** What /proc/misc or /proc/devices calls it. */
function driverOf(major: number, minor: number): string | undefined {
  const [file, number] = major === MISC_MAJOR ? ['/proc/misc', minor] : ['/proc/devices', major];
  try {
    const characters = readFileSync(file, 'latin1').split('\nBlock devices:')[0]!;
    return new RegExp(`^ *${number} (\\S+)$`, 'm').exec(characters)?.[1];
  } catch {
    return undefined;
  }
}
