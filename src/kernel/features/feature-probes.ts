import { closeSync, existsSync, openSync, readFileSync, readSync } from 'node:fs';
import type { SyscallName } from '../../arch/index.js';
import { CAPABILITIES, hasCapability, type CapabilityName } from '../uapi/capability.js';
import { CLONE_ARGS, CLONE_ARGS_BYTES } from '../uapi/clone.js';
import { ERRNO } from '../uapi/errno.js';
import type { Answer, Feature, SyscallArgument, SyscallFunction } from './feature.js';
import {
  PAGEMAP_BIT,
  PAGEMAP_SCAN,
  PM_SCAN_ARG,
  PM_SCAN_ARG_BYTES,
  TFD_IOC_SET_TICKS,
  UFFDIO_API,
} from '../uapi/ioctl.js';
import { TCP_REPAIR } from '../uapi/inet.js';
import { KCMP_EPOLL_TFD, KCMP_VM } from '../uapi/kcmp.js';
import { mapFilesName, readMapRanges, readMaps } from '../proc/maps.js';
import { MADV_GUARD_INSTALL, MFD_CLOEXEC, MFD_NOEXEC_SEAL } from '../uapi/mman.js';
import { O_CLOEXEC, AT_FDCWD } from '../uapi/open-flags.js';
import * as PR from '../uapi/prctl.js';
import { PTRACE_O_SUSPEND_SECCOMP, PTRACE_SEIZE } from '../uapi/ptrace.js';
import {
  AF_INET,
  AF_NETLINK,
  AF_UNIX,
  IPPROTO_TCP,
  SO_PEEK_OFF,
  SOCK_CLOEXEC,
  SOCK_RAW,
  SOCK_STREAM,
  SOL_SOCKET,
} from '../uapi/socket.js';
import { SIGCHLD } from '../uapi/signal.js';
import { readStatus } from '../proc/status.js';
import { fileSystems, kernelAtLeast, readSysctl } from '../proc/system-files.js';
import { CLOCK_MONOTONIC } from '../uapi/time.js';
import { UFFD_API, UFFD_FEATURE_WP_ASYNC, UFFD_USER_MODE_ONLY } from '../uapi/userfaultfd.js';

const yesNo = (value: boolean): Answer => (value ? 'yes' : 'no');
const file = (path: string) => (): Answer => yesNo(existsSync(path));
const capability = (name: CapabilityName) => (): Answer => yesNo(hasCapability(readStatus(process.pid).capEff, name));

/**
 * A call that is known to fail in a harmless way where the kernel has the feature: with one of `present` (0 is success),
 * while `absent` tells that it has not. Anything else (a seccomp filter's EPERM, say) is unknown.
 */
function call(
  name: SyscallName,
  args: () => SyscallArgument[],
  present: readonly number[],
  absent: readonly number[] = [ERRNO.ENOSYS],
): (syscall: SyscallFunction | undefined) => Answer {
  return (syscall) => {
    if (!syscall) return 'unknown';
    const result = syscall(name, ...args());
    const errno = result < 0 ? -result : 0;
    return present.includes(errno) ? 'yes' : absent.includes(errno) ? 'no' : 'unknown';
  };
}

/** Asks something of a descriptor that is closed again. */
function withFd(
  open: (syscall: SyscallFunction) => number,
  ask: (syscall: SyscallFunction, fd: number) => Answer,
): (syscall: SyscallFunction | undefined) => Answer {
  return (syscall) => {
    if (!syscall) return 'unknown';
    const fd = open(syscall);
    if (fd < 0) return fd === -ERRNO.ENOSYS ? 'no' : 'unknown';
    try {
      return ask(syscall, fd);
    } finally {
      syscall('close', fd);
    }
  };
}

const { EINVAL, ENOSYS, EBADF, E2BIG, EEXIST, ENOTTY, EPERM, EIO, ENOPROTOOPT, EPROTONOSUPPORT, EAFNOSUPPORT } = ERRNO;

/** linux/netlink.h */
const NETLINK_SOCK_DIAG = 4;

/** What crit may need of a kernel. The order is that of `crit check`. */
export const FEATURES = {
  'checkpoint-restore': {
    since: '3.10',
    purpose: 'CONFIG_CHECKPOINT_RESTORE: POSIX timers, pending signals, memory layout',
    required: true,
    probe: file('/proc/self/timers'),
  },
  'proc-children': {
    since: '3.5',
    purpose: 'finding the children of each thread',
    required: true,
    probe: file('/proc/thread-self/children'),
  },
  'cap-sys-ptrace': {
    since: '2.2',
    purpose: "stopping other users' processes",
    probe: capability('CAP_SYS_PTRACE'),
  },
  'cap-sys-admin': { since: '2.2', purpose: 'namespaces, mounts, filtered tasks', probe: capability('CAP_SYS_ADMIN') },
  'cap-checkpoint-restore': {
    since: '5.9',
    purpose: 'restoring process ids without CAP_SYS_ADMIN',
    later: true,
    probe: () =>
      Number(readSysctl('kernel.cap_last_cap') ?? 0) < CAPABILITIES.CAP_CHECKPOINT_RESTORE
        ? 'no'
        : capability('CAP_CHECKPOINT_RESTORE')(),
  },
  'cap-sys-resource': {
    since: '2.2',
    purpose: 'raising hard limits, setting single fields of the memory layout',
    probe: capability('CAP_SYS_RESOURCE'),
  },
  kcmp: {
    since: '3.5',
    purpose: 'finding what tasks share',
    required: true,
    probe: call('kcmp', () => [process.pid, process.pid, KCMP_VM, 0, 0], [0]),
  },
  'kcmp-epoll': {
    since: '4.13',
    purpose: 'the targets of an epoll whose descriptors were closed or moved',
    // EBADF: descriptor -1 is looked up only where the type is known
    probe: call(
      'kcmp',
      () => [process.pid, process.pid, KCMP_EPOLL_TFD, 0xffffffff, new Uint32Array([0xffffffff, 0, 0])],
      [EBADF],
      [ENOSYS, EINVAL],
    ),
  },
  'clone3-set-tid': {
    since: '5.5',
    purpose: 'restoring process and thread ids',
    required: true,
    // ids are announced but none are given: refused as invalid where the kernel knows of them
    probe: call(
      'clone3',
      () => {
        const args = new BigUint64Array(CLONE_ARGS_BYTES / 8);
        args[CLONE_ARGS.exit_signal / 8] = BigInt(SIGCHLD);
        args[CLONE_ARGS.set_tid_size / 8] = 1n;
        return [args, CLONE_ARGS_BYTES];
      },
      [EINVAL],
      [ENOSYS, E2BIG],
    ),
  },
  'ns-last-pid': {
    since: '3.3',
    purpose: 'restoring process ids without clone3',
    later: true,
    probe: file('/proc/sys/kernel/ns_last_pid'),
  },
  'set-mm-map': {
    since: '3.18',
    purpose: 'heap, argument and environment areas, /proc/PID/exe',
    required: true,
    probe: call('prctl', () => [PR.PR_SET_MM, PR.PR_SET_MM_MAP_SIZE, new Uint32Array(1), 0, 0], [0], [EINVAL]),
  },
  'tid-address': {
    since: '3.5',
    purpose: 'the word that is cleared when a thread ends',
    required: true,
    probe: call('prctl', () => [PR.PR_GET_TID_ADDRESS, new BigUint64Array(1), 0, 0, 0], [0], [EINVAL]),
  },
  'timer-restore-ids': {
    since: '6.15',
    purpose: 'POSIX timer ids without creating and deleting those before',
    probe: call(
      'prctl',
      () => [PR.PR_TIMER_CREATE_RESTORE_IDS, PR.PR_TIMER_CREATE_RESTORE_IDS_GET, 0, 0, 0],
      [0, 1],
      [EINVAL],
    ),
  },
  'timerfd-set-ticks': {
    since: '3.17',
    purpose: 'unread expirations of a timerfd',
    probe: withFd(
      (syscall) => syscall('timerfd_create', CLOCK_MONOTONIC, O_CLOEXEC),
      // 0 ticks is invalid
      (syscall, fd) => call('ioctl', () => [fd, TFD_IOC_SET_TICKS, new BigUint64Array(1)], [EINVAL], [ENOTTY])(syscall),
    ),
  },
  'map-files': {
    since: '3.3',
    purpose: 'files that are mapped but deleted or open nowhere',
    required: true,
    probe: () => {
      const mapped = readMapRanges(process.pid).find((range) => range.inode !== 0n);
      if (!mapped) return 'unknown';
      try {
        closeSync(openSync(`/proc/self/map_files/${mapFilesName(mapped)}`, 'r'));
        return 'yes';
      } catch {
        return 'no';
      }
    },
  },
  'map-vdso': {
    since: '4.8',
    purpose: 'putting the vDSO where it was',
    // there is one already
    probe: call('arch_prctl', () => [PR.ARCH_MAP_VDSO_64, 0], [EEXIST], [EINVAL, ENOSYS]),
  },
  'sealed-vdso': {
    since: '6.15',
    purpose: 'tells that the vDSO cannot be moved (CONFIG_MSEAL_SYSTEM_MAPPINGS)',
    later: true,
    probe: () => yesNo(readMaps(process.pid).some((map) => map.path === '[vdso]' && map.vmFlags.has('sl'))),
  },
  'pagemap-scan': {
    since: '6.7',
    purpose: 'finding the pages of large mappings quickly',
    probe: withFd(
      (syscall) => syscall('openat', AT_FDCWD, Buffer.from('/proc/self/pagemap\0'), O_CLOEXEC, 0),
      (syscall, fd) => {
        const arg = new BigUint64Array(PM_SCAN_ARG_BYTES / 8);
        arg[PM_SCAN_ARG.size / 8] = BigInt(PM_SCAN_ARG_BYTES);
        return call('ioctl', () => [fd, PAGEMAP_SCAN, arg], [0, EINVAL], [ENOTTY])(syscall);
      },
    ),
  },
  'soft-dirty': {
    since: '3.11',
    purpose: 'incremental dumps (CONFIG_MEM_SOFT_DIRTY)',
    later: true,
    probe: () => {
      const stack = readMapRanges(process.pid).find((range) => range.path === '[stack]');
      if (!stack) return 'unknown';
      const fd = openSync('/proc/self/pagemap', 'r');
      try {
        // the top page of the stack holds the environment: it has been written
        const entry = Buffer.alloc(8);
        if (readSync(fd, entry, 0, 8, (stack.end / 4096n - 1n) * 8n) !== 8) return 'unknown';
        return yesNo((entry.readBigUInt64LE() & PAGEMAP_BIT.softDirty) !== 0n);
      } finally {
        closeSync(fd);
      }
    },
  },
  'userfaultfd-wp-async': {
    since: '6.7',
    purpose: 'incremental dumps where there is no soft-dirty bit',
    later: true,
    probe: withFd(
      (syscall) => syscall('userfaultfd', O_CLOEXEC | UFFD_USER_MODE_ONLY),
      (syscall, fd) => {
        const api = new BigUint64Array([BigInt(UFFD_API), 0n, 0n]);
        if (syscall('ioctl', fd, UFFDIO_API, api) !== 0) return 'unknown';
        return yesNo((api[1]! & BigInt(UFFD_FEATURE_WP_ASYNC)) !== 0n);
      },
    ),
  },
  'guard-pages': {
    since: '6.13',
    purpose: 'guard regions inside mappings (MADV_GUARD_INSTALL)',
    probe: call('madvise', () => [0, 0, MADV_GUARD_INSTALL], [0], [EINVAL]),
  },
  'anon-names': {
    since: '5.17',
    purpose: 'names of anonymous mappings (CONFIG_ANON_VMA_NAME)',
    later: true,
    probe: call('prctl', () => [PR.PR_SET_VMA, PR.PR_SET_VMA_ANON_NAME, 0, 0, 0], [0], [EINVAL]),
  },
  'memfd-create': {
    since: '3.17',
    purpose: 'shared anonymous memory, and the control area',
    required: true,
    probe: withFd(
      (syscall) => syscall('memfd_create', Buffer.from('probe\0'), MFD_CLOEXEC),
      () => 'yes',
    ),
  },
  'memfd-noexec-seal': {
    since: '6.3',
    purpose: 'memfds that must not be executed (MFD_NOEXEC_SEAL)',
    later: true,
    probe: (syscall) => {
      if (!syscall) return 'unknown';
      const fd = syscall('memfd_create', Buffer.from('probe\0'), MFD_CLOEXEC | MFD_NOEXEC_SEAL);
      if (fd >= 0) syscall('close', fd);
      return fd >= 0 ? 'yes' : fd === -EINVAL || fd === -ENOSYS ? 'no' : 'unknown';
    },
  },
  'memfd-exec': {
    since: '3.17',
    purpose: 'executable memfds: vm.memfd_noexec is not 2',
    probe: () => yesNo(readSysctl('vm.memfd_noexec') !== '2'),
  },
  'pidfd-open': {
    since: '5.3',
    purpose: 'pidfds',
    required: true,
    probe: withFd(
      (syscall) => syscall('pidfd_open', process.pid, 0),
      () => 'yes',
    ),
  },
  'pidfd-getfd': {
    since: '5.6',
    purpose: "borrowing a task's descriptors",
    required: true,
    probe: call('pidfd_getfd', () => [-1, 0, 0], [EBADF]),
  },
  'close-range': {
    since: '5.9',
    purpose: 'closing many descriptors',
    required: true,
    probe: call('close_range', () => [1, 0, 0], [EINVAL]),
  },
  'seccomp-suspend': {
    since: '4.3',
    purpose: 'system calls inside filtered tasks (PTRACE_O_SUSPEND_SECCOMP)',
    // Nobody can seize itself, but options are looked at first. A filtered caller may not suspend.
    probe: (syscall) => {
      if (!syscall) return 'unknown';
      const result = syscall('ptrace', PTRACE_SEIZE, process.pid, 0, PTRACE_O_SUSPEND_SECCOMP);
      if (result === -EINVAL || result === -EIO) return 'no';
      const { capEff, seccomp } = readStatus(process.pid);
      if (!hasCapability(capEff, 'CAP_SYS_ADMIN') || seccomp !== 0) return 'no';
      return result === -EPERM ? 'yes' : 'unknown';
    },
  },
  'rseq-configuration': {
    since: '5.13',
    purpose: 'restartable sequences (PTRACE_GET_RSEQ_CONFIGURATION)',
    // The request needs a tracee; where rseq(2) is, its absence is a matter of the version alone.
    probe: (syscall) =>
      kernelAtLeast('5.13')
        ? call('rseq', () => [0, 0, 0, 0], [EINVAL, EPERM, ERRNO.EBUSY, ERRNO.EFAULT])(syscall)
        : 'no',
  },
  'x86-xstate': {
    since: '2.6.34',
    purpose: 'AVX and later registers (NT_X86_XSTATE)',
    probe: () => yesNo(/^flags\s*:.* xsave /m.test(readFileSync('/proc/cpuinfo', 'utf8'))),
  },
  'time-namespaces': {
    since: '5.6',
    purpose: 'monotonic clocks that go on',
    later: true,
    probe: file('/proc/self/ns/time'),
  },
  'cgroup-namespaces': { since: '4.6', purpose: 'cgroup namespaces', later: true, probe: file('/proc/self/ns/cgroup') },
  'unix-peek-off': {
    since: '3.4',
    purpose: 'what is queued in unix sockets',
    probe: withFd(
      (syscall) => syscall('socket', AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
      (syscall, fd) =>
        call(
          'setsockopt',
          () => [fd, SOL_SOCKET, SO_PEEK_OFF, new Int32Array(1), 4],
          [0],
          [ENOPROTOOPT, ERRNO.EOPNOTSUPP],
        )(syscall),
    ),
  },
  'sock-diag': {
    since: '3.3',
    purpose: 'states of sockets (unix, inet, netlink)',
    probe: (syscall) => {
      if (!syscall) return 'unknown';
      const fd = syscall('socket', AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
      if (fd >= 0) syscall('close', fd);
      return fd >= 0 ? 'yes' : fd === -EPROTONOSUPPORT || fd === -EAFNOSUPPORT ? 'no' : 'unknown';
    },
  },
  'tcp-repair': {
    since: '3.5',
    purpose: 'established TCP connections',
    later: true,
    probe: withFd(
      (syscall) => syscall('socket', AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
      (syscall, fd) =>
        call(
          'setsockopt',
          () => [fd, IPPROTO_TCP, TCP_REPAIR, new Int32Array([1]), 4],
          [0],
          [ENOPROTOOPT, EPERM],
        )(syscall),
    ),
  },
  tun: { since: '2.4', purpose: 'tun and tap devices', later: true, probe: file('/dev/net/tun') },
  overlay: {
    since: '3.18',
    purpose: 'overlay file systems',
    later: true,
    // a module may be loaded when it is mounted
    probe: () => (fileSystems().has('overlay') ? 'yes' : 'unknown'),
  },
  fuse: {
    since: '2.6.14',
    purpose: 'fuse file systems',
    later: true,
    probe: () => (fileSystems().has('fuse') ? 'yes' : 'unknown'),
  },
  'cgroup-v2': {
    since: '4.5',
    purpose: 'control groups',
    later: true,
    probe: () => yesNo(fileSystems().has('cgroup2')),
  },
  'mount-setattr': {
    since: '5.12',
    purpose: 'mount trees',
    later: true,
    probe: call('mount_setattr', () => [-1, null, 0, null, 0], [EINVAL, EBADF, ERRNO.EFAULT]),
  },
} as const satisfies Record<string, Feature>;

export type FeatureName = keyof typeof FEATURES;
