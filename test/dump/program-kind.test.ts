import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { it } from 'node:test';
import { shortPointers } from '../../src/dump/program-kind.js';

/** The beginning of an ELF file. */
function elf(elfClass: number, machine: number): Buffer {
  const head = Buffer.alloc(64);
  head.set([0x7f, 0x45, 0x4c, 0x46, elfClass]);
  head.writeUInt16LE(machine, 18);
  return head;
}

it('programs with 32-bit pointers are told from 64-bit ones, and from what is no program', () => {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'crit-test-'));
  const file = path.join(dir, 'program');
  const kind = (head: Uint8Array | string) => {
    writeFileSync(file, head);
    return shortPointers(file);
  };
  try {
    assert.equal(kind(elf(2, 62)), undefined);
    assert.equal(kind(elf(1, 3)), 'a 32-bit program (i386)');
    assert.equal(kind(elf(1, 62)), 'a program of the x32 ABI');
    assert.equal(kind('#!/bin/sh\n'), undefined);
    assert.equal(kind(''), undefined);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
