import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { writeImage } from '../../src/encode/image-writer.js';
import { CoreEntryMarch } from '../../src/image/generated/messages.js';
import { VMA } from '../../src/image/vma-status.js';
import { openAddressSpace } from '../../src/inspect/address-space/address-space.js';
import { openCheckpoint } from '../../src/inspect/checkpoint.js';
import { backtraces } from '../../src/inspect/unwind/backtrace.js';
import { evaluate } from '../../src/inspect/unwind/expression.js';
import type { FrameEntry } from '../../src/inspect/unwind/frame-entry.js';
import { frameEntryAt } from '../../src/inspect/unwind/frame-entry.js';
import { rulesAt } from '../../src/inspect/unwind/frame-rules.js';
import { makeSet, owner, PID, vma } from './one-task-set.js';

const dir = mkdtempSync(path.join(tmpdir(), 'crit-unwind-'));
after(() => {
  rmSync(dir, { recursive: true, force: true });
});

const none = (): Buffer => Buffer.alloc(0);
const registers = (values: Record<number, bigint>) => Array.from({ length: 17 }, (_, i) => values[i]);

/** A generator of numbers that is the same every time. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % below;
  };
}

for (const [what, bytes, expected] of [
  // rsp + 8 + ((rip & 15) >= 11) << 3: the CFA of a procedure linkage table
  ['the expression of a PLT, first half', [0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22], 0x1008n],
  ['a word of memory', [0x77, 0x90, 0, 0x06], 0x1122n],
  ['signed numbers', [0x0d, 0xfe, 0xff, 0xff, 0xff, 0x32, 0x1e], 0xffff_ffff_ffff_fffcn],
  ['division', [0x11, 0x79, 0x32, 0x1b], 0xffff_ffff_ffff_fffdn],
  ['a branch', [0x31, 0x28, 1, 0, 0x35, 0x36], 6n],
  ['rot, swap, over, pick', [0x31, 0x32, 0x33, 0x17, 0x16, 0x14, 0x15, 2], 2n],
  ['division by zero', [0x31, 0x30, 0x1b], undefined],
  ['an empty stack', [0x22], undefined],
  ['an endless loop', [0x2f, 0xfd, 0xff], undefined],
  ['a stack without end', [0x31, 0x2f, 0xfc, 0xff], undefined],
  ['a register that is not known', [0x71, 0], undefined],
  ['an unknown operation', [0xe0], undefined],
  ['a cut operand', [0x0c, 1], undefined],
] as const)
  test(`an expression: ${what}`, () => {
    const memory = (address: bigint) => (address === 0x1010n ? Buffer.from('2211000000000000', 'hex') : none());
    const value = evaluate(Buffer.from(bytes), 8, registers({ 7: 0x1000n, 16: 0x2004n }), memory);
    assert.equal(value, expected);
  });

const entry = (own: readonly number[], common: readonly number[] = [0x0c, 7, 8, 0x90, 1]): FrameEntry => ({
  start: 0x100n,
  end: 0x200n,
  codeAlign: 1n,
  dataAlign: -8n,
  returnRegister: 16,
  isSignalFrame: false,
  wordBytes: 8,
  common: Buffer.from(common),
  own: Buffer.from(own),
});

test('the rules of an instruction are those up to its address', () => {
  const pushed = entry([
    0x41, 0x0e, 16, 0x83, 2, 0x0a, 0x42, 0x0e, 32, 0xc3, 0x41, 0x0b, 0x14, 6, 1, 0x08, 12, 0x07, 13,
  ]);
  assert.deepEqual(rulesAt(pushed, 0x100n)?.cfa, { register: 7, offset: 8n });
  assert.deepEqual(rulesAt(pushed, 0x101n)?.cfa, { register: 7, offset: 16n });
  assert.deepEqual(rulesAt(pushed, 0x101n)?.registers.get(3), { kind: 'offset', offset: -16n });
  assert.deepEqual(rulesAt(pushed, 0x103n)?.cfa, { register: 7, offset: 32n });
  assert.equal(rulesAt(pushed, 0x103n)?.registers.get(3), undefined);
  const last = rulesAt(pushed, 0x150n);
  assert.deepEqual(last?.cfa, { register: 7, offset: 16n });
  assert.deepEqual(last.registers.get(6), { kind: 'value-offset', offset: -8n });
  assert.deepEqual([last.registers.get(12)?.kind, last.registers.get(13)?.kind], ['same', 'undefined']);
});

test('instructions that cannot be followed give no rules', () => {
  for (const own of [[0x0b], Array<number>(100).fill(0x0a), [0x3f], [0x0c, 7], [0x0f, 200, 1]])
    assert.equal(rulesAt(entry(own), 0x150n), undefined, own.join());
});

test('entries of random bytes end', () => {
  const random = numbers(1);
  for (let i = 0; i < 3000; i++) {
    const bytes = Buffer.from(Array.from({ length: 200 }, () => random(256)));
    bytes.writeUInt32LE(random(180), 0);
    bytes.writeUInt32LE(0, 4);
    bytes.writeUInt32LE(random(100), 100);
    bytes.writeUInt32LE(104, 104);
    const memory = (address: bigint, length: number) => bytes.subarray(Number(address), Number(address) + length);
    const read = frameEntryAt(100n, 8, 0n, memory)?.entry;
    if (read) rulesAt(read, read.start + 5n);
    evaluate(bytes, 8, registers({ 7: 10n }), memory, [1n]);
  }
});

/** A set of one task that has a file mapped as programs are, and stands in it. */
function mappedProgram(name: string, content: Buffer, ip: bigint): string {
  const root = path.join(dir, `${name}.root`);
  mkdirSync(root);
  writeFileSync(path.join(root, 'program'), content);
  const size = Math.ceil(content.length / 4096) * 4096;
  const mapped = { shmid: 4n, flags: 2, prot: 5 };
  const set = makeSet(dir, name, {
    vmas: [vma(0x10_0000, 0x10_0000 + size, VMA.REGULAR | VMA.FILE_PRIVATE, mapped), vma(0x7f00_0000, 0x7f01_0000)],
    runs: [[0x7f00_0000, 2, 4]],
    pages: [stack(1), stack(2)],
    files: [{ type: 1, id: 4, reg: { id: 4, flags: 0, pos: 0n, fown: owner, name: '/program', size: BigInt(content.length) } }], // prettier-ignore
  });
  const gpregs = Object.fromEntries(
    'r15 r14 r13 r12 bp bx r11 r10 r9 r8 ax cx dx si di orig_ax ip cs flags sp ss fs_base gs_base ds es fs gs'
      .split(' ')
      .map((register) => [register, 0x7f00_0100n]),
  );
  const fpregs = { cwd: 0, swd: 0, twd: 0, fop: 0, rip: 0n, rdp: 0n, mxcsr: 0, mxcsr_mask: 0 };
  const thread_info = { clear_tid_addr: 0n, gpregs: { ...gpregs, ip }, fpregs };
  writeImage(set, 'CORE', PID, [{ message: { mtype: CoreEntryMarch.X86_64, thread_info } }]);
  return set;
}

/** A page of words that are addresses of code and of the stack in turns. */
const stack = (seed: number): Buffer => {
  const random = numbers(seed);
  const out = Buffer.alloc(4096);
  for (let at = 0; at < 4096; at += 8)
    out.writeBigUInt64LE(BigInt(at % 16 ? 0x10_0000 + random(0x1_0000) : 0x7f00_0000 + random(0x2000)), at);
  return out;
};

function stackOf(set: string) {
  const checkpoint = openCheckpoint(set);
  using space = openAddressSpace(checkpoint, PID, { root: `${set}.root` });
  return backtraces(checkpoint, space, () => undefined);
}

const shell = readFileSync(realpathSync('/bin/sh'));

test('program files with damage anywhere are looked into, and it ends', { timeout: 60_000 }, () => {
  const random = numbers(7);
  const began = process.hrtime.bigint();
  const interesting = [0, 64, 120, 0x200, 0x1000];
  for (let i = 0; i < 120; i++) {
    const bytes = Buffer.from(shell);
    // the headers, the table of entries, entries: all of them are hit often
    for (let k = 0; k < 40; k++)
      bytes[(interesting[k % 5]! + random(k % 4 ? 0x200 : bytes.length)) % bytes.length] = random(256);
    const set = mappedProgram(
      `damaged${i}`,
      bytes.subarray(0, i % 3 ? bytes.length : random(bytes.length)),
      BigInt(0x10_0000 + random(bytes.length)),
    );
    for (const { frames } of stackOf(set)) assert.ok(frames.length <= 256);
    rmSync(set, { recursive: true });
    rmSync(`${set}.root`, { recursive: true });
  }
  assert.ok(process.hrtime.bigint() - began < 50_000_000_000n);
});

test('a thread in no mapping and one in a file that is no program stop there', () => {
  const text = mappedProgram('text', Buffer.alloc(8192, 'no program'), 0x10_0100n);
  const [thread] = stackOf(text);
  assert.equal(thread?.frames[0]?.file, '/program');
  assert.equal(thread.frames[0].by, 'registers');
  const [lost] = stackOf(mappedProgram('lost', Buffer.alloc(4096), 0x66n));
  assert.equal(lost?.frames[0]?.file, undefined);
});
