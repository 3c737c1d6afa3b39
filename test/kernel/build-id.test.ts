import assert from 'node:assert/strict';
import test from 'node:test';
import { buildIdWords, findBuildId, sameBuildId } from '../../src/kernel/build-id.js';

/** An ELF file of 64 bits with one segment of notes. */
function elf(notes: Buffer, change: (file: Buffer) => void = () => undefined): Buffer {
  const file = Buffer.alloc(64 + 56 + notes.length);
  file.write('\x7fELF\x02\x01\x01', 0, 'latin1');
  file.writeBigUInt64LE(64n, 32);
  file.writeUInt16LE(1, 56);
  file.writeUInt32LE(4, 64);
  file.writeBigUInt64LE(120n, 72);
  file.writeBigUInt64LE(BigInt(notes.length), 96);
  notes.copy(file, 120);
  change(file);
  return file;
}

function note(type: number, name: string, content: Buffer): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt32LE(name.length + 1, 0);
  head.writeUInt32LE(content.length, 4);
  head.writeUInt32LE(type, 8);
  const pad = (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
  return Buffer.concat([head, pad(Buffer.from(`${name}\0`)), pad(content)]);
}

const find = (file: Buffer) =>
  findBuildId((offset, length) => file.subarray(Math.min(offset, file.length), Math.min(offset + length, file.length)));
const ID = Buffer.from('0102030405', 'hex');

test('the note is found behind others', () => {
  const file = elf(Buffer.concat([note(1, 'GNU', Buffer.alloc(16)), note(3, 'GNU', ID)]));
  assert.deepEqual(find(file), ID);
});

test('words are in memory order, the last one filled with zeros', () => {
  assert.deepEqual(buildIdWords(ID), [0x04030201, 0x05]);
  assert.ok(sameBuildId([0x04030201, 0x05], ID));
  assert.ok(!sameBuildId([0x04030201], ID));
  assert.ok(!sameBuildId([0x04030201, 0x05], undefined));
});

test('what is no ELF file, or a damaged one, has none', () => {
  assert.equal(find(Buffer.from('#!/bin/sh\n')), undefined);
  assert.equal(find(elf(note(3, 'GNU', Buffer.alloc(600)))), undefined);
  const whole = elf(note(3, 'GNU', ID));
  for (let length = 0; length < whole.length; length++) assert.doesNotThrow(() => find(whole.subarray(0, length)));
  for (let at = 0; at < whole.length; at++) {
    const file = Buffer.from(whole);
    file[at] = 0xff;
    assert.doesNotThrow(() => find(file));
  }
});
