import assert from 'node:assert/strict';
import test from 'node:test';
import { SYSCALLS, type SyscallName } from '../../src/kernel/arch/x86_64/syscalls.js';
import { hideStop, regsForImage, regsFromImage, restarted, restartError, RESTART } from '../../src/task/restart.js';
import { NR_REGS, REG, type Regs } from '../../src/task/tracee.js';

const IP = 0x1000n;
const NONE = BigInt.asUintN(64, -1n);
const minus = (n: number) => BigInt.asUintN(64, BigInt(-n));

/** A thread behind the `syscall` at IP - 2. */
function inside(name: SyscallName | undefined, ax: bigint, args: readonly bigint[] = []): Regs {
  const regs = new BigUint64Array(NR_REGS);
  regs[REG.orig_ax] = name ? BigInt(SYSCALLS[name]) : NONE;
  regs[REG.ax] = ax;
  regs[REG.ip] = IP;
  [REG.di, REG.si, REG.dx, REG.r10, REG.r8, REG.r9].forEach((reg, i) => (regs[reg] = args[i] ?? 0n));
  return regs;
}

for (const [name, call, error] of [
  ['read, which a signal may restart', 'read', RESTART.SYS],
  ['futex lock, which always restarts', 'futex', RESTART.NOINTR],
  ['select, which a handler ends', 'select', RESTART.NOHAND],
] as const)
  test(`${name}: the image has the call made again, the kernel gets its own error back`, () => {
    const stopped = inside(call, minus(error));
    assert.equal(restartError(stopped), error);
    const image = regsForImage(stopped);
    assert.equal(image.restartError, error);
    assert.equal(image.regs[REG.ip], IP - 2n);
    assert.equal(image.regs[REG.ax], BigInt(SYSCALLS[call]));
    assert.equal(image.regs[REG.orig_ax], BigInt(SYSCALLS[call]), 'as CRIU has it');
    const back = regsFromImage(image.regs, image.restartError);
    assert.deepEqual(back.regs, stopped);
    assert.equal(back.resume, undefined);
    // an image of CRIU, which says no more
    const plain = regsFromImage(image.regs);
    assert.equal(plain.regs[REG.ip], IP - 2n);
    assert.equal(plain.regs[REG.orig_ax], NONE);
  });

test('a sleep that knows its rest says EINTR in the image and sleeps the rest', () => {
  const stopped = inside('nanosleep', minus(RESTART.BLOCK), [0x100n, 0x200n]);
  const image = regsForImage(stopped);
  assert.equal(image.regs[REG.ip], IP);
  assert.equal(image.regs[REG.ax], minus(4));
  for (const error of [image.restartError, undefined]) {
    const back = regsFromImage(image.regs, error);
    assert.equal(back.resume?.nr, SYSCALLS.nanosleep);
    assert.deepEqual(back.resume.args.slice(0, 2), [0x200n, 0x200n]);
    assert.equal(back.regs[REG.ip], IP);
    assert.equal(back.regs[REG.di], 0x100n, 'its own arguments stay');
  }
  const clock = regsFromImage(
    regsForImage(inside('clock_nanosleep', minus(RESTART.BLOCK), [1n, 0n, 0x100n, 0x200n])).regs,
  );
  assert.deepEqual(clock.resume?.args.slice(0, 4), [1n, 0n, 0x200n, 0x200n]);
});

test('poll, futex waits and sleeps without a rest are made again', () => {
  for (const [call, args] of [
    ['poll', [0x100n, 1n, 5000n]],
    ['futex', [0x100n, 0x80n, 0n, 0x200n]],
    ['nanosleep', [0x100n, 0n]],
    ['clock_nanosleep', [1n, 0n, 0x100n, 0n]],
  ] as const) {
    const stopped = inside(call, minus(RESTART.BLOCK), args);
    const image = regsForImage(stopped);
    assert.equal(image.regs[REG.ip], IP - 2n, call);
    assert.equal(image.regs[REG.ax], BigInt(SYSCALLS[call]), call);
    const back = regsFromImage(image.regs, image.restartError);
    assert.deepEqual(back.resume?.args.slice(0, args.length), [...args], call);
    assert.equal(back.regs[REG.ip], IP, call);
    // CRIU says EINTR
    const criu = regsFromImage(inside(call, minus(4), args));
    assert.ok(criu.resume, call);
  }
});

test('EINTR that was no more than the stop is taken back, also in images of CRIU', () => {
  for (const call of ['epoll_wait', 'epoll_pwait', 'rt_sigtimedwait', 'semop', 'recvfrom'] as const) {
    const regs = inside(call, minus(4));
    hideStop(regs);
    assert.equal(regs[REG.ax], minus(RESTART.NOHAND), call);
    assert.equal(regsFromImage(inside(call, minus(4))).regs[REG.ax], minus(RESTART.NOHAND), call);
  }
  for (const call of ['connect', 'read', 'close'] as const) {
    const regs = inside(call, minus(4));
    hideStop(regs);
    assert.equal(regs[REG.ax], minus(4), call);
    assert.equal(regsFromImage(inside(call, minus(4))).regs[REG.orig_ax], NONE, call);
  }
});

test('a finished call and code outside of calls stay as they are', () => {
  const done = inside('read', 5n);
  assert.equal(restartError(done), undefined);
  assert.deepEqual(regsForImage(done), { regs: done, restartError: undefined });
  assert.equal(regsFromImage(done).regs[REG.ax], 5n);
  const running = inside(undefined, minus(RESTART.SYS));
  assert.equal(restartError(running), undefined);
  assert.deepEqual(restarted(running, 'again'), running);
  assert.deepEqual(regsFromImage(running).regs, running);
});

test('a sleep until a point in time is simply made again', () => {
  const image = regsForImage(inside('clock_nanosleep', minus(RESTART.NOHAND), [1n, 1n, 0x100n, 0n]));
  assert.equal(image.regs[REG.ip], IP - 2n);
  assert.equal(regsFromImage(image.regs, image.restartError).resume, undefined);
});

test('an image edited to be elsewhere is taken as it is', () => {
  const regs = inside('read', 7n);
  assert.equal(regsFromImage(regs, RESTART.SYS).regs[REG.ip], IP);
  assert.equal(regsFromImage(regs, RESTART.SYS).regs[REG.ax], 7n);
});
