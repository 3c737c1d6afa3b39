import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findGadgets } from '../../src/arch/index.js';

const PAGE = 4096;
const RESTORER = Buffer.from('48c7c00f0000000f05', 'hex');
/** syscall; ret */
const SYSCALL = Buffer.from('0f05c3', 'hex');

/** A mapping of one page with these bytes, and what reads it. */
function text(start: number, key: string, parts: Readonly<Record<number, Buffer>>) {
  const bytes = Buffer.alloc(PAGE, 0xcc);
  for (const [at, part] of Object.entries(parts)) part.copy(bytes, Number(at));
  const reads: number[] = [];
  return {
    reads,
    find: () =>
      findGadgets([{ start, end: start + PAGE, key, vdso: false }], (address, sizeBytes) => {
        reads.push(sizeBytes);
        assert.ok(address >= start && address + sizeBytes <= start + PAGE, 'reads outside of the mapping');
        return bytes.subarray(address - start, address - start + sizeBytes);
      }),
  };
}

test('what one task has in a file that others map too is not believed of the others', () => {
  const lying = text(0x10000, '8:1:42:0', { 0x10: RESTORER, 0x20: SYSCALL, 0x800: RESTORER, 0x900: SYSCALL });
  assert.deepEqual(lying.find(), { syscall: 0x10020, restorer: 0x10010 });
  const honest = text(0x70000, '8:1:42:0', { 0x800: RESTORER, 0x900: SYSCALL });
  assert.deepEqual(honest.find(), { syscall: 0x70900, restorer: 0x70800 });
});

test('a file that many tasks map is searched once', () => {
  const first = text(0x10000, '8:1:43:0', { 0x800: RESTORER, 0x900: SYSCALL });
  const second = text(0x50000, '8:1:43:0', { 0x800: RESTORER, 0x900: SYSCALL });
  assert.deepEqual(first.find(), { syscall: 0x10900, restorer: 0x10800 });
  assert.deepEqual(second.find(), { syscall: 0x50900, restorer: 0x50800 });
  assert.ok(!second.reads.includes(PAGE), `read ${second.reads.join(', ')} bytes`);
});

test('an instruction at the very end of a mapping is looked at within it', () => {
  const places = { [PAGE - 3]: SYSCALL, 0x10: RESTORER };
  assert.deepEqual(text(0x10000, '8:1:44:0', places).find(), { syscall: 0x10ffd, restorer: 0x10010 });
  assert.deepEqual(text(0x10000, '8:1:44:0', places).find(), { syscall: 0x10ffd, restorer: 0x10010 });
});
