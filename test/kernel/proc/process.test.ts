import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, it } from 'node:test';
import { AT, auxvValue, parseAuxv, readAuxv } from '../../../src/kernel/proc/auxv.js';
import { parseCgroups, readCgroups } from '../../../src/kernel/proc/cgroup.js';
import { parseLimits, readLimits } from '../../../src/kernel/proc/limits.js';
import { readMaps } from '../../../src/kernel/proc/maps.js';
import { parseMountInfo, readMountInfo } from '../../../src/kernel/proc/mountinfo.js';
import { namespaceInode, readNamespaces } from '../../../src/kernel/proc/namespaces.js';
import { ProcFileError, ProcGone } from '../../../src/kernel/proc/proc-file.js';
import { RLIM_INFINITY, RLIMITS } from '../../../src/kernel/uapi/resource.js';
import * as scalar from '../../../src/kernel/proc/scalar-files.js';
import { PF_KTHREAD } from '../../../src/kernel/uapi/sched.js';
import { parseStat, readStat } from '../../../src/kernel/proc/stat-file.js';
import { parseStatus, readStatus } from '../../../src/kernel/proc/status.js';
import { readChildren, readThreads } from '../../../src/kernel/proc/tasks.js';
import { exitStatus } from '../../../src/kernel/uapi/wait.js';
import { NEEDS_ROOT } from '../../root.js';

async function child(program: string, ...args: string[]): Promise<ChildProcess & { pid: number }> {
  const process = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  await new Promise((resolve) => process.stdout.once('data', resolve));
  return process as unknown as ChildProcess & { pid: number };
}

describe('parseStat', () => {
  const rest = `S ${Array.from({ length: 49 }, (_, i) => (i === 48 ? 65280 : i + 4)).join(' ')}`;
  for (const comm of ['cat', 'a b', ') (', '(x) R 1', '', 'new\nline', '1) Z 2 (', '\r\u2028'])
    it(`finds the end of the name ${JSON.stringify(comm)}`, () => {
      const stat = parseStat(`42 (${comm}) ${rest}\n`);
      assert.deepEqual([stat.pid, stat.comm, stat.state, stat.ppid, stat.exitCode], [42, comm, 'S', 4, 65280]);
      assert.deepEqual([stat.startCode, stat.startStack, stat.envEnd, stat.policy], [26n, 28n, 51n, 41]);
    });
  for (const text of ['', '1', '1 (x) S 1 2', '1 )x( S'])
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(() => parseStat(text), ProcFileError);
    });
});

describe('parseStatus', () => {
  it('reads names that are escaped, masks of 64 bits and what is missing for kernel threads', () => {
    const text = [
      'Name:\t a\\nb\\\\\r ',
      'State:\tZ (zombie)',
      'Tgid:\t7',
      'Pid:\t8',
      'PPid:\t1',
      'TracerPid:\t0',
      'Uid:\t1\t2\t3\t4',
      'Gid:\t5\t6\t7\t8',
      'Groups:\t10 4294967295 ',
      'NSpid:\t8\t3\t1',
      'SigPnd:\t0000000000000000',
      'ShdPnd:\tffffffffffffffff',
      ...['SigBlk', 'SigIgn', 'SigCgt', 'CapInh', 'CapPrm', 'CapEff', 'CapBnd'].map(
        (name) => `${name}:\t0000000000000001`,
      ),
    ].join('\n');
    const status = parseStatus(text);
    assert.equal(status.name, ' a\nb\\\r ');
    assert.equal(status.state, 'Z');
    assert.equal(status.umask, undefined);
    assert.equal(status.thpEnabled, undefined);
    assert.equal(status.vmRssKb, undefined);
    assert.deepEqual(status.uid, { real: 1, effective: 2, saved: 3, fs: 4 });
    assert.deepEqual(status.groups, [10, 4294967295]);
    assert.deepEqual(status.nsPid, [8, 3, 1]);
    assert.equal(status.shdPnd, 0xffffffffffffffffn);
  });
  it('names the line that is missing', () => {
    assert.throws(() => parseStatus('Name:\tx\nState:\tR (running)\n'), /no line Tgid/);
  });
});

describe('readStatus and readStat', () => {
  it('agree about a process whose name is hostile', async () => {
    const code = `
import ctypes, sys, os, signal
ctypes.CDLL(None).prctl(15, b') Z \\\\ 1 (\\n', 0, 0, 0)
os.umask(0o27); signal.signal(signal.SIGUSR1, signal.SIG_IGN); signal.pthread_sigmask(signal.SIG_BLOCK, [40])
print('up', flush=True); sys.stdin.read()`;
    const task = await child('python3', '-c', code);
    try {
      // It has said 'up', and goes on to sleep in read(2).
      for (let i = 0; i < 1000 && readStat(task.pid).state !== 'S'; i++)
        await new Promise((resolve) => setTimeout(resolve, 10));
      const stat = readStat(task.pid);
      const status = readStatus(task.pid);
      assert.equal(stat.comm, ') Z \\ 1 (\n');
      assert.equal(status.name, stat.comm);
      assert.equal(scalar.readComm(task.pid), stat.comm);
      assert.ok(stat.state === 'S' && status.state === 'S');
      assert.deepEqual([stat.ppid, status.ppid, status.tgid], [process.pid, process.pid, task.pid]);
      assert.equal(status.umask, 0o27);
      assert.ok(status.sigIgn & (1n << 9n));
      assert.equal(status.sigBlk, 1n << 39n);
      assert.ok(stat.argStart < stat.argEnd && stat.startBrk > 0n);
      assert.deepEqual(readChildren(process.pid).includes(task.pid), true);
      assert.deepEqual(readStatus(task.pid, task.pid).nsPid, status.nsPid);
    } finally {
      task.kill('SIGKILL');
    }
  });

  it('show a zombie and how it ended', async () => {
    const code = `
import os, sys
if os.fork() == 0: os._exit(3)
os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
print('up', flush=True); sys.stdin.read()`;
    const task = await child('python3', '-c', code);
    try {
      const [zombie = 0] = readChildren(task.pid);
      assert.equal(readStat(zombie).state, 'Z');
      assert.equal(readStat(zombie).exitCode, exitStatus(3));
      assert.equal(readStatus(zombie).vmSizeKb, undefined);
      assert.throws(
        () => scalar.readExe(zombie),
        (error) => error instanceof ProcFileError && error.code === 'NO_PROC_FILE',
      );
      assert.throws(() => readMaps(zombie), ProcGone);
      // A zombie has no memory that its own user could be let into.
      if (NEEDS_ROOT === false) assert.ok(readNamespaces(zombie).user !== 0);
    } finally {
      task.kill('SIGKILL');
    }
  });

  const isThere = existsSync('/proc/2/stat') && (readStat(2).flags & PF_KTHREAD) !== 0;
  it('know a kernel thread', { skip: isThere ? NEEDS_ROOT : 'no kernel threads to see here' }, () => {
    assert.equal(readStatus(2).umask, 18);
    assert.throws(() => readAuxv(2), ProcGone);
  });
});

describe('limits', () => {
  it('are found for every resource', () => {
    const limits = readLimits(process.pid);
    assert.equal(limits.length, 16);
    assert.ok(limits[RLIMITS.RLIMIT_NOFILE]!.soft <= limits[RLIMITS.RLIMIT_NOFILE]!.hard);
  });
  it('follow what the process set', async () => {
    const task = await child('sh', '-c', 'ulimit -n 64; ulimit -Sf unlimited; echo up; read x');
    try {
      const limits = readLimits(task.pid);
      assert.deepEqual(limits[RLIMITS.RLIMIT_NOFILE], { soft: 64n, hard: 64n });
      assert.equal(limits[RLIMITS.RLIMIT_FSIZE]!.soft, RLIM_INFINITY);
    } finally {
      task.kill('SIGKILL');
    }
  });
  it('that are cut are refused', () => {
    assert.throws(
      () => parseLimits('Limit\nMax cpu time              unlimited            5                    seconds\n'),
      /RLIMIT_FSIZE/,
    );
  });
});

describe('parseMountInfo', () => {
  it('unescapes paths and reads propagation', () => {
    const [mount] = parseMountInfo(
      '36 35 98:0 /a\\040b\\134 /mnt\\011x\\012y ro,noatime master:1 shared:7 propagate_from:2 unbindable - fuse.x \\043src rw,a=\\054b\n',
    );
    assert.deepEqual(mount, {
      id: 36,
      parentId: 35,
      devMajor: 98,
      devMinor: 0,
      root: '/a b\\',
      mountPoint: '/mnt\tx\ny',
      options: ['ro', 'noatime'],
      shared: 7,
      master: 1,
      propagateFrom: 2,
      unbindable: true,
      fsType: 'fuse.x',
      source: '#src',
      superOptions: ['rw', 'a=,b'],
    });
  });
  it('takes an empty source', () => {
    assert.equal(parseMountInfo('1 2 0:5 / /x rw -  tmpfs  rw')[0]?.fsType, '');
    assert.equal(parseMountInfo('1 2 0:5 / /x rw - tmpfs  rw')[0]?.source, '');
  });
  it('refuses a line without the separator', () => {
    assert.throws(() => parseMountInfo('1 2 0:5 / /x rw tmpfs none rw'), ProcFileError);
  });
  it('finds the root of this process', () => {
    assert.ok(readMountInfo(process.pid).some((mount) => mount.mountPoint === '/'));
  });
});

describe('small files of /proc', () => {
  it('auxv ends at AT_NULL and knows the page size', () => {
    const auxv = readAuxv(process.pid);
    assert.equal(auxvValue(auxv, AT.AT_PAGESZ), 4096n);
    assert.deepEqual(auxv.slice(-2), [0n, 0n]);
    assert.deepEqual(parseAuxv(new Uint8Array(15)), []);
  });
  it('cgroup paths may hold colons', () => {
    assert.deepEqual(parseCgroups('0::/a:b\n3:name=x:/\n'), [
      { hierarchyId: 0, controllers: '', path: '/a:b' },
      { hierarchyId: 3, controllers: 'name=x', path: '/' },
    ]);
    assert.ok(readCgroups(process.pid).length > 0);
  });
  it('namespaces are named by inode numbers', () => {
    assert.equal(namespaceInode('net:[4026531840]'), 4026531840);
    assert.equal(namespaceInode('net:4026531840'), undefined);
    const own = readNamespaces(process.pid);
    assert.ok(own.pid && own.pid === own.pid_for_children && own.mnt && own.net);
  });
  it('scalars are read', () => {
    const pid = process.pid;
    assert.ok(scalar.readTimerSlackNs(pid) > 0n);
    assert.ok(scalar.readOomScoreAdj(pid) >= -1000);
    assert.ok(scalar.readLoginUid(pid) >= 0);
    assert.equal(typeof scalar.readPersonality(pid), 'number');
    assert.equal(scalar.readCwd(pid), process.cwd());
    assert.equal(scalar.readExe(pid), process.execPath);
    assert.ok(scalar.readCmdline(pid).length >= 1 && scalar.readEnviron(pid).length >= 0);
  });
  it('a sleeping task shows the call it is in', async () => {
    const task = await child('sh', '-c', 'echo up; read x');
    try {
      await new Promise((resolve) => setTimeout(resolve, 50));
      const call = scalar.readSyscall(task.pid);
      assert.ok(call !== 'running' && call.nr === 0 && call.args[0] === 0n && call.args.length === 6);
    } finally {
      task.kill('SIGKILL');
    }
  });
  it('threads are listed, and one that does not exist is gone', () => {
    assert.ok(readThreads(process.pid).includes(process.pid));
    assert.throws(() => readStat(process.pid, 1), ProcGone);
    assert.throws(() => readChildren(2 ** 22 + 1), ProcGone);
  });
});
