import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, openSync, closeSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { writeImage } from '../../src/encode/image-writer.js';
import { CritError } from '../../src/image/errors.js';
import { CoreEntryMarch } from '../../src/image/generated/messages.js';
import { openAddressSpace } from '../../src/inspect/address-space/address-space.js';
import { openCheckpoint } from '../../src/inspect/checkpoint.js';
import { coreFile } from '../../src/inspect/core-file/core-file.js';
import { backtraces } from '../../src/inspect/unwind/backtrace.js';
import { makeSet, PID, vma } from './one-task-set.js';

const dir = mkdtempSync(path.join(tmpdir(), 'crit-cores-'));
after(() => {
  rmSync(dir, { recursive: true, force: true });
});

const CODE = 0x10_0000;
const STACK = 0x20_0000;
const NAMES =
  'r15 r14 r13 r12 bp bx r11 r10 r9 r8 ax cx dx si di orig_ax ip cs flags sp ss fs_base gs_base ds es fs gs';

/** A set of a page of calls and a stack with two frame records: (frame pointer, return address), twice. */
function setOf(name: string, core: object, call: readonly number[], wordBytes: 4 | 8): string {
  const code = Buffer.alloc(4096);
  for (let at = 0; at + call.length <= 4096; at += call.length) Buffer.from(call).copy(code, at);
  const stack = Buffer.alloc(4096);
  const word = (value: number, at: number) =>
    wordBytes === 8 ? stack.writeBigUInt64LE(BigInt(value), at) : stack.writeUInt32LE(value, at);
  const records = [STACK + 0x80, CODE + 0x50, 0, CODE + 0xa0];
  for (const [i, value] of records.entries()) word(value, (i < 2 ? 0x40 : 0x80) + (i % 2) * wordBytes);
  const set = makeSet(dir, name, {
    vmas: [vma(CODE, CODE + 4096, undefined, { prot: 5 }), vma(STACK, STACK + 4096)],
    runs: [[CODE, 1, 4], [STACK, 1, 4]], // prettier-ignore
    pages: [code, stack],
  });
  const tc = { task_state: 1, exit_code: 0, personality: 0, flags: 0, blk_sigset: 0n, comm: name };
  writeImage(set, 'CORE', PID, [{ message: { tc, ...core } }]);
  return set;
}

const aarch64 = setOf(
  'aarch64',
  {
    mtype: CoreEntryMarch.AARCH64,
    ti_aarch64: {
      clear_tid_addr: 0n,
      tls: 0x7755n,
      gpregs: {
        regs: Array.from({ length: 31 }, (_, i) => (i === 29 ? BigInt(STACK + 0x40) : BigInt(0x100 + i))),
        sp: BigInt(STACK + 0x10),
        pc: BigInt(CODE + 0x20),
        pstate: 0x6000_0000n,
      },
      fpsimd: { vregs: Array.from({ length: 64 }, (_, i) => BigInt(i)), fpsr: 0x10, fpcr: 0x20 },
    },
  },
  // bl
  [0, 0, 0, 0x94],
  8,
);

const i386 = setOf(
  'i386',
  {
    mtype: CoreEntryMarch.X86_64,
    thread_info: {
      clear_tid_addr: 0n,
      gpregs: {
        ...Object.fromEntries(NAMES.split(' ').map((name, i) => [name, BigInt(0x1000 + i)])),
        ...{
          mode: 2,
          cs: 0x23n,
          ss: 0x2bn,
          sp: BigInt(STACK + 0x10),
          bp: BigInt(STACK + 0x40),
          ip: BigInt(CODE + 0x20),
        },
      },
      fpregs: {
        ...{ cwd: 0x37f, swd: 0x3000, twd: 0xc0, fop: 0, rip: 0n, rdp: 0n, mxcsr: 0x1f80, mxcsr_mask: 0xffff },
        // st(0) is 1.5, st(1) is 0
        st_space: [0, 0xc000_0000, 0x3fff, ...Array<number>(29).fill(0)],
        xmm_space: Array.from({ length: 64 }, (_, i) => i),
        xsave: { xstate_bv: 7n, ymmh_space: Array.from({ length: 64 }, (_, i) => i) },
      },
      tls: [
        { entry_number: 12, base_addr: 0xabcd000, limit: 0xfffff, seg_32bit: true, contents_h: false, contents_l: false, read_exec_only: false, limit_in_pages: true, seg_not_present: false, usable: true }, // prettier-ignore
      ],
    },
  },
  // call
  [0xe8, 0, 0, 0, 0],
  4,
);

const unwarned = (text: string): void => assert.fail(text);

function made(set: string) {
  const checkpoint = openCheckpoint(set);
  using space = openAddressSpace(checkpoint, PID);
  const core = coreFile(checkpoint, space, unwarned);
  const file = path.join(dir, `${path.basename(set)}.core`);
  const fd = openSync(file, 'w');
  const parts: Buffer[] = [];
  for (const { offset, bytes } of core.chunks()) {
    writeSync(fd, bytes, 0, bytes.length, offset);
    parts.push(Buffer.from(bytes));
  }
  closeSync(fd);
  return { file, notes: parts[1]! };
}

const readelf = (...args: string[]): string =>
  spawnSync('readelf', args, { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } }).stdout;
const hasReadelf = spawnSync('readelf', ['--version']).status === 0 ? {} : { skip: 'readelf is not installed' };

test('the core file of aarch64 images is one of aarch64, with all registers', hasReadelf, () => {
  const { file, notes } = made(aarch64);
  assert.match(readelf('-h', file), /Class: +ELF64[^]*Type: +CORE[^]*Machine: +AArch64/);
  const listed = readelf('-nW', file);
  assert.deepEqual(listed.match(/NT_\w+/g), [
    'NT_PRSTATUS',
    'NT_PRPSINFO',
    'NT_AUXV',
    'NT_FILE',
    'NT_FPREGSET',
    'NT_ARM_TLS',
  ]);
  const registers = 20 + 112;
  assert.equal(notes.readUInt32LE(4), 392);
  assert.equal(notes.readBigUInt64LE(registers + 30 * 8), 0x11en);
  assert.equal(notes.readBigUInt64LE(registers + 31 * 8), BigInt(STACK + 0x10));
  assert.equal(notes.readBigUInt64LE(registers + 33 * 8), 0x6000_0000n);
  assert.match(readelf('-lW', file), /LOAD +0x\w+ 0x0000000000100000[^\n]* R E/);
});

test('the core file of a 32-bit program is one of i386, with its registers', hasReadelf, () => {
  const { file, notes } = made(i386);
  assert.match(readelf('-h', file), /Class: +ELF32[^]*Type: +CORE[^]*Machine: +Intel 80386/);
  assert.deepEqual(readelf('-nW', file).match(/NT_\w+/g), [
    'NT_PRSTATUS', 'NT_PRPSINFO', 'NT_AUXV', 'NT_FILE', 'NT_FPREGSET', 'NT_PRXFPREG', 'NT_X86_XSTATE', 'NT_386_TLS',
  ]); // prettier-ignore
  assert.equal(notes.readUInt32LE(4), 144);
  assert.equal(notes.readUInt32LE(20 + 72 + 12 * 4), CODE + 0x20);
  const floats = notes.indexOf(Buffer.from([0x7f, 0x03, 0xff, 0xff, 0x00, 0x30, 0xff, 0xff]));
  // registers 6 and 7 are in use: 1.5, and 0
  assert.equal(notes.readUInt32LE(floats + 8), 0xffff_4fff);
  assert.equal(notes.readUInt16LE(floats + 28 + 8), 0x3fff);
  assert.match(readelf('-lW', file), /LOAD +0x\w+ 0x00100000/);
});

test('gdb reads the registers of a 32-bit program from its core file', (context) => {
  const ask = ['p/x $eip', 'p/x $esp', 'p $st0', 'p/x $xmm1.v4_int32', 'x/2wx $ebp'];
  const { file } = made(i386);
  const { stdout, status } = spawnSync('gdb', ['-nx', '-batch', ...ask.flatMap((line) => ['-ex', line]), '-c', file], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  if (status === null) {
    context.skip('gdb is not installed');
    return;
  }
  assert.match(
    stdout,
    /= 0x100020\n.*= 0x200010\n.*= 1\.5\n.*\{0x4, 0x5, 0x6, 0x7\}\n0x200040:\t0x00200080\t0x00100050/,
  );
});

for (const set of [aarch64, i386])
  test(`the frame pointers of ${path.basename(set)} are followed`, () => {
    const checkpoint = openCheckpoint(set);
    using space = openAddressSpace(checkpoint, PID);
    const [thread] = backtraces(checkpoint, space, unwarned);
    assert.deepEqual(
      thread?.frames.map(({ address, by }) => [Number(address), by]),
      [
        [CODE + 0x20, 'registers'],
        [CODE + 0x50, 'frame pointer'],
        [CODE + 0xa0, 'frame pointer'],
      ],
    );
    assert.equal(thread.stopped, undefined);
  });

test('images of a processor whose registers are not known are refused by its name', () => {
  const set = setOf('ppc64', { mtype: CoreEntryMarch.PPC64 }, [0], 8);
  assert.throws(
    () => made(set),
    (error) => error instanceof CritError && error.code === 'UNSUPPORTED' && error.message.includes('PPC64'),
  );
});
