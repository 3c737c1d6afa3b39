import assert from 'node:assert/strict';
import test from 'node:test';
import { ARGUMENTS, NR_REGS, REG, type Regs, SYSCALLS, type AnySyscallName } from '../../src/arch/index.js';
import {
  hideStop,
  interruptedLimit,
  regsForImage,
  regsFromImage,
  restarted,
  restartError,
  RESTART,
  waitOn,
} from '../../src/task/restart.js';

const IP = 0x1000n;
const NONE = BigInt.asUintN(64, -1n);
const minus = (n: number) => BigInt.asUintN(64, BigInt(-n));

/** A thread behind the `syscall` at IP - 2. */
function inside(name: AnySyscallName | undefined, ax: bigint, args: readonly bigint[] = []): Regs {
  const regs = new BigUint64Array(NR_REGS);
  regs[REG.call] = name ? BigInt(SYSCALLS[name]) : NONE;
  regs[REG.result] = ax;
  regs[REG.ip] = IP;
  ARGUMENTS.forEach((reg, i) => (regs[reg] = args[i] ?? 0n));
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
    assert.equal(image.regs[REG.result], BigInt(SYSCALLS[call]));
    assert.equal(image.regs[REG.call], BigInt(SYSCALLS[call]), 'as CRIU has it');
    const back = regsFromImage(image.regs, image.restartError);
    assert.deepEqual(back.regs, stopped);
    assert.equal(back.resume, undefined);
    // an image of CRIU, which says no more
    const plain = regsFromImage(image.regs);
    assert.equal(plain.regs[REG.ip], IP - 2n);
    assert.equal(plain.regs[REG.call], NONE);
  });

test('a sleep that knows its rest says EINTR in the image and sleeps the rest', () => {
  const stopped = inside('nanosleep', minus(RESTART.BLOCK), [0x100n, 0x200n]);
  const image = regsForImage(stopped);
  assert.equal(image.regs[REG.ip], IP);
  assert.equal(image.regs[REG.result], minus(4));
  for (const error of [image.restartError, undefined]) {
    const back = regsFromImage(image.regs, error);
    assert.equal(back.resume?.nr, SYSCALLS.nanosleep);
    assert.deepEqual(back.resume.args.slice(0, 2), [0x200n, 0x200n]);
    assert.equal(back.regs[REG.ip], IP);
    assert.equal(back.regs[ARGUMENTS[0]!], 0x100n, 'its own arguments stay');
  }
  const clock = regsFromImage(
    regsForImage(inside('clock_nanosleep', minus(RESTART.BLOCK), [1n, 0n, 0x100n, 0x200n])).regs,
  );
  assert.deepEqual(clock.resume?.args.slice(0, 4), [1n, 0n, 0x200n, 0x200n]);
});

test('poll, futex waits and sleeps without a rest in memory say EINTR in the image, and wait for the time that it tells', () => {
  for (const [call, args, argument] of [
    ['poll', [0x100n, 1n, 5000n], 2],
    ['futex', [0x100n, 0x80n, 0n, 0x200n], 3],
    ['nanosleep', [0x100n, 0n], 0],
    ['clock_nanosleep', [1n, 0n, 0x100n, 0n], 2],
  ] as const) {
    const stopped = inside(call, minus(RESTART.BLOCK), args);
    assert.equal(interruptedLimit(stopped)?.argument, argument);
    const image = regsForImage(stopped);
    assert.equal(image.regs[REG.ip], IP, call);
    assert.equal(image.regs[REG.result], minus(4), call);
    const back = regsFromImage(image.regs, image.restartError, 7n);
    assert.deepEqual(back.resume?.args.slice(0, args.length), [...args], call);
    assert.equal(back.resume.left?.leftNs, 7n, call);
    assert.equal(back.resume.left.limit.argument, argument);
    assert.equal(back.regs[REG.ip], IP, call);
    // nobody knows the rest: it does not begin anew
    for (const error of [image.restartError, undefined]) {
      const unknown = regsFromImage(image.regs, error);
      assert.equal(unknown.resume, undefined, call);
      assert.equal(unknown.regs[REG.result], minus(4), call);
      assert.equal(unknown.regs[REG.call], NONE, call);
    }
    // an image of crit 0.1 has the call made again
    const old = inside(call, BigInt(SYSCALLS[call]), args);
    old[REG.ip] = IP - 2n;
    assert.ok(regsFromImage(old, RESTART.BLOCK).resume, call);
  }
});

test('a futex wait until a point in time and a poll without a limit are made again', () => {
  for (const [call, args] of [
    ['futex', [0x100n, 0x89n, 0n, 0x200n]],
    ['poll', [0x100n, 1n, BigInt.asUintN(64, -1n)]],
  ] as const) {
    const stopped = inside(call, minus(RESTART.BLOCK), args);
    assert.equal(interruptedLimit(stopped), undefined, call);
    const image = regsForImage(stopped);
    assert.equal(image.regs[REG.result], BigInt(SYSCALLS[call]), call);
    assert.deepEqual(regsFromImage(image.regs, image.restartError).resume?.args.slice(0, args.length), [...args], call);
    // CRIU says EINTR
    assert.ok(regsFromImage(inside(call, minus(4), args)).resume, call);
  }
});

const INFINITE = BigInt.asUintN(64, -1n);

test('EINTR that was no more than the stop is taken back from calls without a limit, also in images of CRIU', () => {
  for (const [call, args] of [
    ['epoll_wait', [3n, 0x100n, 1n, INFINITE]],
    ['epoll_pwait', [3n, 0x100n, 1n, 0xffffffffn]],
    ['epoll_pwait2', []],
    ['rt_sigtimedwait', []],
    ['semop', []],
    ['semtimedop', []],
    ['io_getevents', []],
  ] as const) {
    const regs = inside(call, minus(4), args);
    hideStop(regs);
    assert.equal(regs[REG.result], minus(RESTART.NOHAND), call);
    assert.equal(regsFromImage(inside(call, minus(4), args)).regs[REG.result], minus(RESTART.NOHAND), call);
  }
  // those of sockets say it only when they have a limit
  for (const call of ['connect', 'read', 'close', 'recvfrom', 'accept', 'sendmsg'] as const) {
    const regs = inside(call, minus(4));
    hideStop(regs);
    assert.equal(regs[REG.result], minus(4), call);
    assert.equal(regsFromImage(inside(call, minus(4))).regs[REG.call], NONE, call);
  }
});

test('calls with a limit say EINTR, or are made again with the time that is left', () => {
  for (const [call, args, argument] of [
    ['epoll_wait', [3n, 0x100n, 1n, 5000n], 3],
    ['epoll_pwait2', [3n, 0x100n, 1n, 0x200n], 3],
    ['rt_sigtimedwait', [0x100n, 0n, 0x200n], 2],
    ['semtimedop', [1n, 0x100n, 1n, 0x200n], 3],
    ['io_getevents', [1n, 1n, 1n, 0x100n, 0x200n], 4],
    ['io_pgetevents', [1n, 1n, 1n, 0x100n, 0x200n], 4],
  ] as const) {
    for (const error of call === 'io_pgetevents' ? [4, RESTART.NOHAND] : [4]) {
      const stopped = inside(call, minus(error), args);
      assert.equal(interruptedLimit(stopped)?.argument, argument, call);
      hideStop(stopped);
      assert.equal(stopped[REG.result], minus(4), 'whatever becomes of crit, it does not begin anew');
      assert.ok(waitOn(stopped.slice()));
      const image = regsForImage(stopped);
      assert.deepEqual(image, { regs: stopped, restartError: undefined });
      const back = regsFromImage(image.regs, undefined, 7n);
      assert.equal(back.regs[REG.result], minus(RESTART.NOHAND), call);
      assert.deepEqual(back.left, { limit: interruptedLimit(back.regs), leftNs: 7n }, call);
      assert.equal(regsFromImage(image.regs).regs[REG.call], NONE, call);
    }
  }
});

test('a finished call and code outside of calls stay as they are', () => {
  const done = inside('read', 5n);
  assert.equal(restartError(done), undefined);
  assert.deepEqual(regsForImage(done), { regs: done, restartError: undefined });
  assert.equal(regsFromImage(done).regs[REG.result], 5n);
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
  assert.equal(regsFromImage(regs, RESTART.SYS).regs[REG.result], 7n);
});
