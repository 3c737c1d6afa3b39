import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ImageWriter } from '../../src/encode/image-writer.js';
import { fixture } from '../project-path.js';
import { compare, CRIT, ROUNDS, TABLE_HEAD, type Tool } from './compare.js';

const ENTRIES = 1_000_000;
const GHOST_BYTES = 1 << 30;

/** The Python crit: the command in PYCRIT, or Debian's /usr/bin/crit. */
function pythonCrit(print: (line: string) => void): Tool | undefined {
  const given = process.env['PYCRIT'];
  if (given) return { name: 'Python crit (PYCRIT)', command: ['sh', '-c', `exec ${given} "$@"`, 'crit'] };
  const debian = '/usr/bin/crit';
  if (existsSync(debian) && /^#!.*python/.test(readFileSync(debian, 'latin1').slice(0, 100))) {
    return { name: `Python crit (${debian})`, command: [debian] };
  }
  print('codec: no Python crit to compare with: neither PYCRIT nor a Python script /usr/bin/crit');
  return undefined;
}

/** A pagemap as a large process has one. */
function writePagemap(file: string, entries: number): void {
  const writer = new ImageWriter(file, 'PAGEMAP');
  writer.append({ pages_id: 1 });
  let vaddr = 0x7f0000000000n;
  for (let i = 0; i < entries; i++) {
    const pages = 1 + (i % 7);
    writer.append({ vaddr, compat_nr_pages: pages, flags: i % 3 === 0 ? 6 : 4, nr_pages: BigInt(pages) });
    vaddr += BigInt(pages + 1) * 4096n;
  }
  writer.close();
}

/** A ghost file with a large content. */
function writeGhost(file: string, sizeBytes: number): void {
  const writer = new ImageWriter(file, 'GHOST_FILE');
  writer.append({ uid: 0, gid: 0, mode: 0o100600 });
  writer.close();
  const fd = openSync(file, 'a');
  const chunk = Buffer.alloc(1 << 20, 'crit');
  for (let at = 0; at < sizeBytes; at += chunk.length) writeSync(fd, chunk);
  closeSync(fd);
}

/** Decoding and encoding as whole processes, crit and the Python crit in turn. */
export async function benchCodec(print: (line: string) => void): Promise<void> {
  const dir = mkdtempSync(path.join(tmpdir(), 'crit-bench-'));
  const python = pythonCrit(print);
  const file = (name: string): string => path.join(dir, name);
  const both = (args: readonly string[]) => (python ? [CRIT, python] : [CRIT]).map((tool) => [tool, args] as const);
  const decode = (image: string, json: string): readonly string[] => ['decode', '-i', image, '-o', json];
  const encode = (json: string, image: string): readonly string[] => ['encode', '-i', json, '-o', image];
  try {
    TABLE_HEAD.forEach(print);
    const small = both(['show', fixture('tree/pstree.img')]);
    await compare(print, { what: 'show of a small image', tools: small, rounds: Math.max(11, ROUNDS) });
    const [pagemap, json] = [file('pagemap-1.img'), file('pagemap.json')];
    writePagemap(pagemap, ENTRIES);
    await compare(print, { what: `decode a pagemap of ${ENTRIES} entries`, tools: both(decode(pagemap, json)) });
    await compare(print, {
      what: `encode a pagemap of ${ENTRIES} entries`,
      tools: both(encode(json, file('out.img'))),
    });
    await compare(print, {
      what: `decode --pretty of a pagemap of ${ENTRIES} entries`,
      tools: [[CRIT, [...decode(pagemap, json), '--pretty']]],
    });
    writePagemap(pagemap, 4 * ENTRIES);
    await compare(print, {
      what: `decode a pagemap of ${4 * ENTRIES} entries`,
      tools: [[CRIT, decode(pagemap, json)]],
      rounds: 1,
    });
    const [ghost, content] = [file('ghost-file-1.img'), file('ghost.json')];
    writeGhost(ghost, GHOST_BYTES);
    const sizeBytes = GHOST_BYTES;
    await compare(print, { what: 'decode a ghost file', sizeBytes, tools: [[CRIT, decode(ghost, '/dev/null')]] });
    spawnSync(CRIT.command[0]!, decode(ghost, content));
    await compare(print, { what: 'encode a ghost file', sizeBytes, tools: [[CRIT, encode(content, '/dev/null')]] });
    print(`\n(${ROUNDS} rounds)`);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
