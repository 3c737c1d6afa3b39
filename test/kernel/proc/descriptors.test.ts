import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readlinkSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { parseFdTarget, readFdLink, readFds } from '../../../src/kernel/proc/fd-links.js';
import {
  epollTargets,
  eventFdInfo,
  fdLocks,
  inotifyWatches,
  parseFdInfo,
  pidFdPid,
  readFdInfo,
  scmFds,
  signalFdMask,
  timerFdInfo,
} from '../../../src/kernel/proc/fdinfo.js';
import { O_APPEND, O_LARGEFILE, O_WRONLY } from '../../../src/kernel/uapi/open-flags.js';
import { ProcFileError, ProcGone } from '../../../src/kernel/proc/proc-file.js';
import { devMajor, devMinor, kernelDev, makeDev } from '../../../src/kernel/uapi/stat.js';
import { parseTimers, readTimers } from '../../../src/kernel/proc/timers.js';
import { sys } from '../../../src/native/sys.js';

const CLOEXEC = 0o2000000;

function using<T>(fd: number, ask: (fd: number) => T): T {
  try {
    return ask(fd);
  } finally {
    closeSync(fd);
  }
}

const info = (fd: number) => readFdInfo(process.pid, fd);
const s64 = (...values: bigint[]) => new BigInt64Array(values);

describe('parseFdTarget', () => {
  const cases: [string, object][] = [
    ['/a b', { kind: 'path', path: '/a b', deleted: false }],
    ['/a\nb (deleted)', { kind: 'path', path: '/a\nb', deleted: true }],
    ['/memfd:x (deleted)', { kind: 'path', path: '/memfd:x', deleted: true }],
    ['pipe:[12]', { kind: 'inode', type: 'pipe', ino: 12n }],
    ['socket:[4026531840]', { kind: 'inode', type: 'socket', ino: 4026531840n }],
    ['net:[4026531840]', { kind: 'inode', type: 'net', ino: 4026531840n }],
    ['anon_inode:[eventpoll]', { kind: 'anon', type: 'eventpoll' }],
    ['anon_inode:bpf-map', { kind: 'anon', type: 'bpf-map' }],
    ['(unreachable)/x', { kind: 'path', path: '(unreachable)/x', deleted: false }],
  ];
  for (const [target, meaning] of cases)
    it(`understands ${JSON.stringify(target)}`, () => assert.deepEqual(parseFdTarget(target), meaning));
});

describe('fdinfo', () => {
  it('of a regular file has position, flags and close-on-exec apart', () => {
    const dir = mkdtempSync(path.join(tmpdir(), 'crit-fd-'));
    const file = path.join(dir, 'x (deleted)');
    writeFileSync(file, 'hello');
    using(openSync(file, O_WRONLY | O_APPEND | CLOEXEC), (fd) => {
      sys('lseek', fd, 3, 0);
      const link = readFdLink(process.pid, fd);
      const { pos, flags, cloexec, ino } = info(fd);
      assert.deepEqual([pos, flags & ~O_LARGEFILE, cloexec, ino], [3n, O_WRONLY | O_APPEND, true, link.stat.ino]);
      assert.ok(link.target === file && link.stat.nlink === 1n && readFds(process.pid).includes(fd));
      unlinkSync(file);
      assert.deepEqual(readFdLink(process.pid, fd).stat.nlink, 0n);
      assert.equal(readlinkSync(`/proc/self/fd/${fd}`), `${file} (deleted)`);
    });
    rmSync(dir, { recursive: true });
  });

  it('of an eventfd has a counter of 64 bits', () => {
    using(sys('eventfd2', 0, 1), (fd) => {
      sys('write', fd, new BigUint64Array([0xfffffffffffffffen]), 8);
      const event = eventFdInfo(info(fd));
      assert.equal(event?.count, 0xfffffffffffffffen);
      assert.notEqual(event.semaphore, false);
    });
  });

  it('of a signalfd has the mask', () => {
    using(sys('signalfd4', -1, new BigUint64Array([(1n << 63n) | (1n << 9n)]), 8, 0), (fd) => {
      assert.equal(signalFdMask(info(fd)), (1n << 63n) | (1n << 9n));
      assert.equal(eventFdInfo(info(fd)), undefined);
    });
  });

  it('of a timerfd has what remains', () => {
    using(sys('timerfd_create', 1, 0), (fd) => {
      sys('timerfd_settime', fd, 0, s64(7n, 8n, 1000n, 0n), null);
      const timer = timerFdInfo(info(fd));
      assert.ok(timer && timer.clockid === 1 && timer.ticks === 0n && timer.settimeFlags === 0);
      assert.ok(timer.valueSec >= 998n && timer.intervalSec === 7n && timer.intervalNsec === 8n);
    });
  });

  it('of an epoll lists targets, events unsigned, data of 64 bits', () => {
    using(sys('epoll_create1', 0), (epoll) => {
      using(sys('eventfd2', 0, 0), (fd) => {
        const event = Buffer.alloc(12);
        event.writeUInt32LE(0x80000001, 0);
        event.writeBigUInt64LE(0xfedcba9876543210n, 4);
        sys('epoll_ctl', epoll, 1, fd, event);
        const [target] = epollTargets(info(epoll));
        assert.deepEqual([target?.tfd, target?.events, target?.data], [fd, 0x80000019, 0xfedcba9876543210n]);
        assert.ok(target!.ino > 0n);
      });
    });
  });

  it('of an inotify lists watches with handles', () => {
    using(sys('inotify_init1', 0), (fd) => {
      const wd = sys('inotify_add_watch', fd, Buffer.from(`${tmpdir()}\0`), 0x100);
      const [watch] = inotifyWatches(info(fd));
      assert.ok(watch?.wd === wd && watch.mask === 0x100 && watch.ino > 0n);
      assert.ok(!watch.handle || watch.handle.bytes.length > 0);
    });
  });

  it('lists locks', () => {
    const file = path.join(mkdtempSync(path.join(tmpdir(), 'crit-lock-')), 'x');
    using(openSync(file, 'w+'), (fd) => {
      sys('flock', fd, 2);
      const lock = Buffer.alloc(32);
      lock.writeBigInt64LE(10n, 8);
      lock.writeBigInt64LE(5n, 16);
      sys('fcntl', fd, 37, lock);
      const found = fdLocks(info(fd)).map((l) => [l.kind, l.access, l.start, l.end]);
      assert.deepEqual(found, [
        ['FLOCK', 'WRITE', 0n, undefined],
        ['OFDLCK', 'READ', 10n, 14n],
      ]);
    });
    rmSync(path.dirname(file), { recursive: true });
  });

  it('of a pidfd has the process, of a unix socket the descriptors in flight', () => {
    using(sys('pidfd_open', process.pid, 0), (fd) => assert.equal(pidFdPid(info(fd)), process.pid));
    using(sys('socket', 1, 1, 0), (fd) => assert.equal(scmFds(info(fd)), 0));
  });

  it('that is not there is gone; one that makes no sense is refused', () => {
    assert.throws(() => info(99999), ProcGone);
    assert.throws(() => readFdLink(process.pid, 99999), ProcGone);
    assert.throws(() => parseFdInfo('pos:\t0\n'), ProcFileError);
  });
});

describe('timers', () => {
  it('are read with their signal value', () => {
    const event = Buffer.alloc(64);
    event.writeBigUInt64LE(0xfedcba9876543210n, 0);
    event.writeInt32LE(40, 8);
    const id = new Int32Array(1);
    sys('timer_create', 1, event, id);
    const timer = readTimers(process.pid).find((t) => t.id === id[0]);
    assert.deepEqual(timer, {
      id: id[0],
      signal: 40,
      sigval: 0xfedcba9876543210n,
      notify: 'signal',
      toThread: false,
      target: process.pid,
      clockid: 1,
    });
    sys('timer_delete', id[0]!);
  });
  it('of CPU clocks and single threads are understood, nonsense is refused', () => {
    const text = 'ID: 5\nsignal: 0/(null)\nnotify: none/tid.12\nClockID: -6\n';
    assert.deepEqual(parseTimers(text), [
      { id: 5, signal: 0, sigval: 0n, notify: 'none', toThread: true, target: 12, clockid: -6 },
    ]);
    assert.throws(() => parseTimers(`${text}ID: x\n`), ProcFileError);
    assert.deepEqual(parseTimers(''), []);
  });
});

describe('device numbers', () => {
  for (const [major, minor] of [
    [0, 0],
    [8, 1],
    [136, 300],
    [0xfff, 0xfffff],
    [4095, 255],
  ] as const)
    it(`${major}:${minor} survives packing`, () => {
      assert.deepEqual([devMajor(makeDev(major, minor)), devMinor(makeDev(major, minor))], [major, minor]);
      assert.equal(kernelDev(major, minor), major * 2 ** 20 + minor);
    });
});
