import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { ERRNO } from '../uapi/errno.js';
import { FEATURES, type FeatureName } from './feature-probes.js';
import type { Answer, SyscallFunction } from './feature.js';
import { PAGEMAP_SCAN, PAGE_IS_GUARD, PM_SCAN_ARG, PM_SCAN_ARG_BYTES, UFFDIO_API } from '../uapi/ioctl.js';
import { MFD_CLOEXEC, MFD_HUGETLB } from '../uapi/mman.js';
import { LOCK_NB, LOCK_SH, O_CLOEXEC, O_RDWR, AT_FDCWD } from '../uapi/open-flags.js';
import {
  AF_INET6,
  AF_UNIX,
  IPPROTO_IPV6,
  SIOCUNIXFILE,
  SOCK_CLOEXEC,
  SOCK_STREAM,
  SOL_SOCKET,
  SO_BUF_LOCK,
} from '../uapi/socket.js';
import { IPV6_FREEBIND } from '../uapi/inet.js';
import { SIOCGSKNS } from '../uapi/netdevice.js';
import { kernelAtLeast } from '../proc/system-files.js';
import {
  UFFD_API,
  UFFD_FEATURE_EVENT_FORK,
  UFFD_FEATURE_EVENT_REMAP,
  UFFD_FEATURE_EVENT_REMOVE,
  UFFD_FEATURE_EVENT_UNMAP,
  UFFD_USER_MODE_ONLY,
} from '../uapi/userfaultfd.js';

/** A feature of the kernel by the name that `criu check --feature` gives it. */
export interface CriuFeature {
  readonly what: string;
  /** CRIU asks for it with --experimental only. */
  readonly experimental?: boolean;
  /** crit makes use of it. */
  readonly used?: boolean;
  /** Not among what --extra asks for. */
  readonly onRequest?: boolean;
  readonly probe: (syscall: SyscallFunction | undefined) => Answer;
}

const yesNo = (value: boolean): Answer => (value ? 'yes' : 'no');
const file = (path: string) => (): Answer => yesNo(existsSync(path));
const since = (release: string) => (): Answer => yesNo(kernelAtLeast(release));
const same = (name: FeatureName) => FEATURES[name].probe;

const both =
  (a: CriuFeature['probe'], b: CriuFeature['probe']): CriuFeature['probe'] =>
  (syscall) => {
    const answers = [a(syscall), b(syscall)];
    return answers.includes('no') ? 'no' : answers.includes('unknown') ? 'unknown' : 'yes';
  };

/** Makes a descriptor, asks something of it, closes it. */
function ask(
  open: (syscall: SyscallFunction) => number,
  question: (syscall: SyscallFunction, fd: number) => Answer,
): CriuFeature['probe'] {
  return (syscall) => {
    if (!syscall) return 'unknown';
    const fd = open(syscall);
    if (fd === -ERRNO.ENOSYS || fd === -ERRNO.EAFNOSUPPORT || fd === -ERRNO.ENOENT) return 'no';
    if (fd < 0) return 'unknown';
    try {
      return question(syscall, fd);
    } finally {
      syscall('close', fd);
    }
  };
}

const unixSocket = (syscall: SyscallFunction): number => syscall('socket', AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
const tunDevice = (syscall: SyscallFunction): number =>
  syscall('openat', AT_FDCWD, Buffer.from('/dev/net/tun\0'), O_RDWR | O_CLOEXEC, 0);

/** An ioctl whose result is a descriptor of a namespace. */
const givesNamespace = (syscall: SyscallFunction, fd: number): Answer => {
  const ns = syscall('ioctl', fd, SIOCGSKNS, 0);
  if (ns < 0) return ns === -ERRNO.ENOTTY || ns === -ERRNO.EINVAL ? 'no' : 'unknown';
  syscall('close', ns);
  return 'yes';
};

function userfaultfd(features: number): CriuFeature['probe'] {
  return ask(
    (syscall) => syscall('userfaultfd', O_CLOEXEC | UFFD_USER_MODE_ONLY),
    (syscall, fd) => {
      const api = new BigUint64Array([BigInt(UFFD_API), 0n, 0n]);
      if (syscall('ioctl', fd, UFFDIO_API, api) !== 0) return 'unknown';
      return yesNo((api[1]! & BigInt(features)) === BigInt(features));
    },
  );
}

/** What fdinfo says about a descriptor of ours with a lock on it. */
const fdinfo = (line: string): CriuFeature['probe'] => {
  return (syscall) => {
    const fd = openSync('/proc/self/exe', 'r');
    try {
      if (syscall) syscall('flock', fd, LOCK_SH | LOCK_NB);
      return yesNo(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1').includes(line));
    } finally {
      closeSync(fd);
    }
  };
};

const program =
  (...paths: readonly string[]) =>
  (): Answer =>
    yesNo(paths.some((path) => existsSync(path)));

/**
 * Every name that CRIU 4.2 knows. Where the kernel cannot be asked without changing something (mounts, firewall rules,
 * breakpoints), its version answers, or nothing does.
 */
export const CRIU_FEATURES: Readonly<Record<string, CriuFeature>> = {
  mnt_id: { what: 'the mount of an open file', probe: fdinfo('mnt_id:') },
  mem_dirty_track: { what: 'tracking of written pages by soft-dirty bits', probe: same('soft-dirty') },
  aio_remap: {
    what: 'asynchronous I/O contexts that can be moved',
    probe: (syscall) =>
      !syscall ? 'unknown' : syscall('io_setup', 0, null) === -ERRNO.ENOSYS ? 'no' : yesNo(kernelAtLeast('3.19')),
  },
  timerfd: { what: 'ticks of a timerfd that can be set', used: true, probe: same('timerfd-set-ticks') },
  tun: { what: 'tun and tap devices', probe: same('tun') },
  tun_ns: { what: 'the namespace of a tun device', onRequest: true, probe: ask(tunDevice, givesNamespace) },
  userns: { what: 'user namespaces', probe: file('/proc/self/ns/user') },
  fdinfo_lock: { what: 'file locks of a descriptor', used: true, probe: fdinfo('lock:') },
  seccomp_suspend: { what: 'system calls inside filtered tasks', used: true, probe: same('seccomp-suspend') },
  seccomp_filters: {
    what: 'reading seccomp filters',
    probe: both(since('4.4'), file('/proc/sys/kernel/seccomp')),
  },
  loginuid: { what: 'login uids', used: true, probe: file('/proc/self/loginuid') },
  cgroupns: { what: 'control group namespaces', probe: same('cgroup-namespaces') },
  autofs: { what: 'automounter mounts', experimental: true, probe: both(since('4.10'), file('/dev/autofs')) },
  tcp_half_closed: { what: 'half-closed TCP connections', probe: since('4.18') },
  compat_cr: { what: '32-bit tasks: the vDSO for them', experimental: true, probe: same('map-vdso') },
  uffd: { what: 'userfaultfd', probe: userfaultfd(0) },
  'uffd-noncoop': {
    what: 'userfaultfd events of other tasks',
    probe: userfaultfd(
      UFFD_FEATURE_EVENT_FORK | UFFD_FEATURE_EVENT_REMAP | UFFD_FEATURE_EVENT_REMOVE | UFFD_FEATURE_EVENT_UNMAP,
    ),
  },
  can_map_vdso: { what: 'a vDSO at a chosen address', used: true, probe: same('map-vdso') },
  sk_ns: { what: 'the namespace of a socket', probe: ask(unixSocket, givesNamespace) },
  sk_unix_file: {
    what: 'the file of a bound unix socket',
    onRequest: true,
    // the socket is not bound: there is no file, but the question is understood
    probe: ask(unixSocket, (syscall, fd) => {
      const result = syscall('ioctl', fd, SIOCUNIXFILE, 0);
      if (result >= 0) syscall('close', result);
      if (result >= 0 || result === -ERRNO.ENOENT) return 'yes';
      return result === -ERRNO.ENOTTY || result === -ERRNO.EINVAL ? 'no' : 'unknown';
    }),
  },
  net_diag_raw: { what: 'states of raw sockets', probe: both(since('4.10'), same('sock-diag')) },
  nsid: { what: 'ids of network namespaces', onRequest: true, probe: since('4.0') },
  link_nsid: { what: 'devices of other network namespaces', onRequest: true, probe: since('4.0') },
  kcmp_epoll: { what: 'targets of an epoll', used: true, probe: same('kcmp-epoll') },
  timens: { what: 'time namespaces', probe: same('time-namespaces') },
  external_net_ns: { what: 'network namespaces from outside', onRequest: true, probe: () => 'yes' },
  clone3_set_tid: { what: 'process ids that are asked for', used: true, probe: same('clone3-set-tid') },
  newifindex: { what: 'the new index of a device that changed its namespace', probe: since('5.3') },
  nftables: {
    what: 'nftables',
    onRequest: true,
    probe: both(since('3.13'), file('/proc/self/net')),
  },
  has_ipt_legacy: {
    what: 'iptables-legacy is installed',
    onRequest: true,
    probe: program('/usr/sbin/iptables-legacy', '/sbin/iptables-legacy', '/usr/sbin/iptables', '/sbin/iptables'),
  },
  pidfd_store: { what: 'pidfds that are kept', probe: both(same('pidfd-open'), same('pidfd-getfd')) },
  ns_pid: {
    what: 'pids in inner namespaces',
    probe: () => yesNo(/^NSpid:/m.test(readFileSync('/proc/self/status', 'latin1'))),
  },
  apparmor_stacking: {
    what: 'stacked AppArmor profiles',
    onRequest: true,
    probe: file('/sys/kernel/security/apparmor/features/domain/stack'),
  },
  network_lock_nftables: { what: 'locking the network by nftables', probe: since('3.13') },
  sockopt_buf_lock: {
    what: 'buffer sizes of sockets that were set by hand',
    used: true,
    probe: ask(unixSocket, (syscall, fd) =>
      yesNo(syscall('getsockopt', fd, SOL_SOCKET, SO_BUF_LOCK, new Int32Array(1), new Int32Array([4])) === 0),
    ),
  },
  memfd_hugetlb: {
    what: 'memfds of huge pages',
    used: true,
    probe: (syscall) => {
      if (!syscall) return 'unknown';
      const fd = syscall('memfd_create', Buffer.from('probe\0'), MFD_CLOEXEC | MFD_HUGETLB);
      if (fd >= 0) syscall('close', fd);
      return yesNo(fd >= 0);
    },
  },
  move_mount_set_group: { what: 'mounts that are put into a peer group', probe: since('5.15') },
  openat2: {
    what: 'openat2',
    probe: (syscall) =>
      !syscall ? 'unknown' : yesNo(syscall('openat2', -1, Buffer.from('\0'), null, 0) !== -ERRNO.ENOSYS),
  },
  get_rseq_conf: { what: 'restartable sequences', used: true, probe: same('rseq-configuration') },
  ipv6_freebind: {
    what: 'IPv6 addresses that are not there yet',
    probe: ask(
      (syscall) => syscall('socket', AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0),
      (syscall, fd) => yesNo(syscall('setsockopt', fd, IPPROTO_IPV6, IPV6_FREEBIND, new Int32Array([1]), 4) === 0),
    ),
  },
  pagemap_scan: { what: 'scanning page tables', used: true, probe: same('pagemap-scan') },
  timer_cr_ids: { what: 'ids of POSIX timers that are asked for', used: true, probe: same('timer-restore-ids') },
  overlayfs_maps: {
    what: 'mappings of overlay files that show the right inode',
    probe: both(since('6.8'), same('overlay')),
  },
  breakpoints: { what: 'hardware breakpoints', onRequest: true, probe: () => 'unknown' },
  pagemap_scan_guard_pages: {
    what: 'guard regions are seen when page tables are scanned',
    used: true,
    probe: ask(
      (syscall) => syscall('openat', AT_FDCWD, Buffer.from('/proc/self/pagemap\0'), O_CLOEXEC, 0),
      (syscall, fd) => {
        const arg = new BigUint64Array(PM_SCAN_ARG_BYTES / 8);
        arg[PM_SCAN_ARG.size / 8] = BigInt(PM_SCAN_ARG_BYTES);
        arg[PM_SCAN_ARG.category_mask / 8] = BigInt(PAGE_IS_GUARD);
        return yesNo(syscall('ioctl', fd, PAGEMAP_SCAN, arg) === 0);
      },
    ),
  },
};

/** Asks for one of `CRIU_FEATURES`. Never throws. */
export function askCriuFeature(feature: CriuFeature, syscall: SyscallFunction | undefined): Answer {
  try {
    return feature.probe(syscall);
  } catch {
    return 'unknown';
  }
}
