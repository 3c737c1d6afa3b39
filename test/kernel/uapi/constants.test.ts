import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { constants as fsConstants } from 'node:fs';
import { describe, it } from 'node:test';
import {
  FPX_SW,
  FXSAVE,
  RT_SIGFRAME,
  RT_SIGFRAME_BYTES,
  SIGCONTEXT_BYTES,
  UCONTEXT,
  USER_REGS,
  USER_REGS_OFFSET,
} from '../../../src/arch/x86_64/registers.js';
import { SYSCALLS, syscallName } from '../../../src/arch/x86_64/syscalls.js';
import { CAPABILITIES, capabilityNames, hasCapability } from '../../../src/kernel/uapi/capability.js';
import { ERRNO, errnoCode, errnoWords } from '../../../src/kernel/uapi/errno.js';
import { PAGEMAP_SCAN, PM_SCAN_ARG, PM_SCAN_ARG_BYTES } from '../../../src/kernel/uapi/ioctl.js';
import * as open from '../../../src/kernel/uapi/open-flags.js';
import { signalBit, signalName, signalNumber, SIGNALS, signalsOf } from '../../../src/kernel/uapi/signal.js';
import * as wait from '../../../src/kernel/uapi/wait.js';

describe('numbers agree with what Node knows of this system', () => {
  it('errno', () => {
    for (const [name, number] of Object.entries(constants.errno))
      if (name in ERRNO) assert.equal(ERRNO[name as keyof typeof ERRNO], number, name);
  });
  it('signals', () => {
    for (const [name, number] of Object.entries(SIGNALS))
      assert.equal(constants.signals[name as NodeJS.Signals], number, name);
  });
  it('open flags', () => {
    for (const [name, number] of Object.entries(fsConstants))
      if (/^O_/.test(name) && name in open) assert.equal((open as Record<string, number>)[name], number, name);
  });
});

describe('tables', () => {
  it('system calls are unique and named both ways', () => {
    const numbers = Object.values(SYSCALLS);
    assert.equal(new Set(numbers).size, numbers.length);
    assert.deepEqual([SYSCALLS.read, SYSCALLS.clone3, SYSCALLS.pidfd_getfd, SYSCALLS.file_setattr], [0, 435, 438, 469]);
    assert.deepEqual([syscallName(231), syscallName(400)], ['exit_group', undefined]);
  });
  it('errno names work for results too', () => {
    assert.deepEqual(
      [errnoCode(2), errnoCode(-11), errnoCode(999), errnoCode(516)],
      ['ENOENT', 'EAGAIN', 'EUNKNOWN', 'ERESTART_RESTARTBLOCK'],
    );
    assert.deepEqual(
      [errnoWords(2), errnoWords(-13), errnoWords(999)],
      ['no such file or directory', 'permission denied', 'error number 999'],
    );
  });
  it('signals have names, numbers and bits', () => {
    assert.deepEqual(
      [signalName(9), signalName(32), signalName(34), signalName(64), signalName(65)],
      ['SIGKILL', 'SIGRTMIN', 'SIGRTMIN+2', 'SIGRTMIN+32', 'signal 65'],
    );
    for (let n = 1; n <= 64; n++) assert.equal(signalNumber(signalName(n)), n);
    assert.deepEqual(
      [signalNumber('kill'), signalNumber('9'), signalNumber('0'), signalNumber('sigfoo'), signalNumber('SIGRTMIN+33')],
      [9, 9, undefined, undefined, undefined],
    );
    assert.deepEqual(signalsOf(signalBit(1) | signalBit(64)), [1, 64]);
  });
  it('capabilities are bits', () => {
    assert.ok(
      hasCapability(1n << 40n, 'CAP_CHECKPOINT_RESTORE') && !hasCapability(1n << 39n, 'CAP_CHECKPOINT_RESTORE'),
    );
    assert.deepEqual(capabilityNames(0x3n), ['CAP_CHOWN', 'CAP_DAC_OVERRIDE']);
    assert.equal(Object.keys(CAPABILITIES).length, 41);
  });
  it('layouts add up', () => {
    assert.equal(USER_REGS.length, 27);
    assert.deepEqual([USER_REGS_OFFSET.orig_ax, USER_REGS_OFFSET.ip, USER_REGS_OFFSET.gs], [120, 128, 208]);
    assert.equal(UCONTEXT.mcontext + SIGCONTEXT_BYTES, UCONTEXT.sigmask);
    assert.equal(RT_SIGFRAME.siginfo + 128, RT_SIGFRAME_BYTES);
    assert.equal(FXSAVE.swReserved + FPX_SW.xstateSize, 480);
    assert.equal(PM_SCAN_ARG.return_mask + 8, PM_SCAN_ARG_BYTES);
    assert.equal((PAGEMAP_SCAN >>> 16) & 0x3fff, PM_SCAN_ARG_BYTES);
  });
});

describe('wait statuses', () => {
  it('are told apart', () => {
    assert.ok(wait.WIFEXITED(0x300) && wait.WEXITSTATUS(0x300) === 3 && wait.exitStatus(3) === 0x300);
    assert.ok(wait.WIFSIGNALED(0x8b) && wait.WTERMSIG(0x8b) === 11 && wait.WCOREDUMP(0x8b));
    assert.ok(wait.WIFSTOPPED(0x137f) && wait.WSTOPSIG(0x137f) === 19 && !wait.WIFSIGNALED(0x137f));
    assert.ok(wait.WIFCONTINUED(0xffff) && !wait.WIFEXITED(0xffff));
    assert.equal(wait.ptraceEvent((128 << 16) | 0x057f), 128);
  });
});
