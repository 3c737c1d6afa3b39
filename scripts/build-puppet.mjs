// Builds the blob and the stub for one architecture, and checks that they are what they must be. Run by itself it is a dry
// run for another: node scripts/build-puppet.mjs aarch64 aarch64-linux-gnu- OUT
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import path from 'node:path';

const puppet = fileURLToPath(new URL('../native/puppet', import.meta.url));
export const BLOB_BUDGET_BYTES = 2048;

const run = (command, args) => execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

/** What an architecture's compiler is told besides, and relocations that are relative to the code itself. */
const ARCHES = {
  x86_64: {
    // no endbr: the blob is entered by setting registers
    flags: ['-fcf-protection=none'],
    relative: /^R_X86_64_(PC32|PLT32)$/,
  },
  aarch64: {
    // no calls of atomic helpers
    flags: ['-mno-outline-atomics', '-mbranch-protection=none'],
    relative: /^R_AARCH64_(CALL26|JUMP26|CONDBR19|TSTBR14|ADR_PREL_LO21|PREL32)$/,
  },
};

const FLAGS = [
  '-Os',
  '-std=gnu11',
  '-Wall',
  '-Wextra',
  '-ffreestanding', // no libc is there
  '-fPIC', // runs wherever there is a hole
  '-fvisibility=hidden', // no GOT
  '-fno-stack-protector', // the canary would be read through the task's own TLS
  '-fno-jump-tables', // a jump table would be a relocation
  '-fno-tree-loop-distribute-patterns', // no calls of memcpy made out of loops
  '-fno-asynchronous-unwind-tables',
  '-mgeneral-regs-only', // must not touch the task's FP state
  '-fno-lto',
  '-I',
  puppet,
];

/**
 * @param {{ arch: string, cc: string, prefix: string, out: string, strict: boolean }} build prefix of the binutils; strict:
 * a warning is an error (a newer compiler's is no user's trouble)
 */
export function buildPuppet({ arch, cc, prefix, out, strict }) {
  const special = ARCHES[arch];
  const flags = [...FLAGS, ...special.flags, ...(strict ? ['-Werror'] : []), '-I', path.join(puppet, 'arch', arch)];
  const object = (source, name) => {
    const file = path.join(out, name);
    run(cc, [...flags, '-c', source, '-o', file]);
    return file;
  };

  /** A blob must be nothing but code: refuse whatever a loader would have to do. */
  function checkBlob(elf, bin) {
    // The linker has resolved everything; what it resolved must have been relative to the code itself.
    for (const line of run(`${prefix}readelf`, ['-rW', path.join(out, 'check.elf')]).split('\n')) {
      const type = /\bR_[A-Z0-9]+_\w+/.exec(line)?.[0];
      if (type && !special.relative.test(type)) throw new Error(`the blob has a relocation: ${line.trim()}`);
    }
    const undefinedSymbols = run(`${prefix}nm`, ['-u', elf]).trim();
    if (undefinedSymbols) throw new Error(`the blob has undefined symbols: ${undefinedSymbols}`);
    for (const line of run(`${prefix}readelf`, ['-SW', elf]).split('\n')) {
      const match = /\]\s+(\.forbidden|\.data|\.bss|\.got)\S*\s+\S+\s+\S+\s+\S+\s+([0-9a-f]+)/.exec(line);
      if (match && parseInt(match[2], 16) > 0) throw new Error(`the blob has writable data: ${line.trim()}`);
    }
    const size = readFileSync(bin).length;
    if (size === 0 || size > BLOB_BUDGET_BYTES)
      throw new Error(`the blob has ${size} bytes, its budget is ${BLOB_BUDGET_BYTES}`);
    return size;
  }

  const blobObjects = [
    object(path.join(puppet, 'arch', arch, 'entry.S'), 'entry.o'),
    object(path.join(puppet, 'puppet.c'), 'puppet.o'),
  ];
  const blobElf = path.join(out, 'puppet.elf');
  const blobBin = path.join(out, 'puppet.bin');
  const script = ['-T', path.join(puppet, 'puppet.lds')];
  const check = ['--no-warn-rwx-segments', '--emit-relocs', ...blobObjects, '-o', path.join(out, 'check.elf')];
  run(`${prefix}ld`, [...script, ...check]);
  run(`${prefix}ld`, [...script, ...blobObjects, '-o', blobElf]);
  run(`${prefix}objcopy`, ['-O', 'binary', '-j', '.text', blobElf, blobBin]);
  const size = checkBlob(blobElf, blobBin);

  const stub = path.join(out, 'stub');
  const stubObject = object(path.join(puppet, 'stub.c'), 'stub.o');
  run(`${prefix}ld`, ['-static', '-z', 'noexecstack', '-Ttext=0x10000', stubObject, '-o', stub]);
  run(`${prefix}strip`, ['-s', stub]);
  return { run, size };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [arch, prefix = '', out = path.join('build/puppet', arch)] = process.argv.slice(2);
  mkdirSync(out, { recursive: true });
  const { size } = buildPuppet({ arch, cc: `${prefix}gcc`, prefix, out, strict: true });
  console.log(`blob for ${arch}: ${size} of ${BLOB_BUDGET_BYTES} bytes`);
}
