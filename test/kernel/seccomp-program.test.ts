import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SYSCALLS } from '../../src/arch/index.js';
import { asksSupervisor, surelyAllowed } from '../../src/kernel/seccomp-program.js';

type Instruction = readonly [code: number, jt: number, jf: number, k: number];

function program(...instructions: Instruction[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(instructions.length * 8));
  instructions.forEach(([code, jt, jf, k], i) => {
    view.setUint16(i * 8, code, true);
    view.setUint8(i * 8 + 2, jt);
    view.setUint8(i * 8 + 3, jf);
    view.setUint32(i * 8 + 4, k, true);
  });
  return new Uint8Array(view.buffer);
}

const LD = 0x20;
const JEQ = 0x15;
const JGE = 0x35;
const RET = 0x06;
const ALLOW = 0x7fff0000;
const ERRNO = 0x50001;
const KILL = 0;

test('a filter lets through what its branches on number and processor lead to', () => {
  const list = program(
    [LD, 0, 0, 4],
    [JEQ, 1, 0, 0xc000003e],
    [RET, 0, 0, KILL],
    [LD, 0, 0, 0],
    [JEQ, 1, 0, SYSCALLS.munmap],
    [RET, 0, 0, ERRNO],
    [RET, 0, 0, ALLOW],
  );
  assert.equal(surelyAllowed(list, 'munmap'), true);
  assert.equal(surelyAllowed(list, 'futex'), false);
});

test('what depends on arguments is allowed where both branches allow it', () => {
  const byArgument = (other: number) => program([LD, 0, 0, 16], [JEQ, 0, 1, 7], [RET, 0, 0, ALLOW], [RET, 0, 0, other]);
  assert.equal(surelyAllowed(byArgument(ALLOW), 'close'), true);
  assert.equal(surelyAllowed(byArgument(0x7ffc0000), 'close'), true); // SECCOMP_RET_LOG
  assert.equal(surelyAllowed(byArgument(ERRNO), 'close'), false);
  assert.equal(surelyAllowed(byArgument(KILL), 'close'), false);
});

test('a program that has no end, or returns what is not known, allows nothing', () => {
  assert.equal(surelyAllowed(program([LD, 0, 0, 0], [JGE, 9, 9, 1]), 'close'), false);
  assert.equal(surelyAllowed(program([LD, 0, 0, 16], [0x16, 0, 0, 0]), 'close'), false);
  assert.equal(surelyAllowed(program(), 'close'), false);
});

test('a program with an action for a supervisor is found', () => {
  assert.equal(asksSupervisor(program([RET, 0, 0, 0x7fc00000])), true);
  assert.equal(asksSupervisor(program([LD, 0, 0, 0x7fc00000], [RET, 0, 0, ALLOW])), false);
});
