import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test, { after } from 'node:test';
import { ImageWriter } from '../../src/encode/image-writer.js';
import { contentOf } from '../image/run-image.js';

const scratch = mkdtempSync(path.join(os.tmpdir(), 'crit-streaming-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

/** Runs a script in a process of its own. @returns its peak resident memory in MiB */
function peakMiB(script: string): number {
  const from = (name: string): string => JSON.stringify(new URL(`../../src/${name}`, import.meta.url).href);
  const code = `import { printImage } from ${from('decode/print-image.js')};
    import { encodeJson } from ${from('encode/encode-json.js')};
    import { openSync, writeSync } from 'node:fs';
    ${script}
    console.log(process.resourceUsage().maxRSS);`;
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  return Number(stdout.trim()) / 1024;
}

const through = (action: string, from: string, to: string): string =>
  `const fd = openSync(${JSON.stringify(to)}, 'w'); ${action}(${JSON.stringify(from)}, (chunk) => { for (let at = 0; at < chunk.length; ) at += writeSync(fd, chunk, at); });`;

function pagemap(entries: number): string {
  const file = path.join(scratch, `pagemap-${entries}.img`);
  const writer = new ImageWriter(file, 'PAGEMAP');
  writer.append({ pages_id: 1 });
  for (let i = 0; i < entries; i++)
    writer.append({ vaddr: BigInt(i) * 8192n, compat_nr_pages: 1, flags: 4, nr_pages: 1n });
  writer.close();
  return file;
}

test('memory does not grow with the entries of an image, there and back', (t) => {
  const peaks = [50_000, 400_000].map((entries) => {
    const image = pagemap(entries);
    const json = `${image}.json`;
    const back = `${image}.back`;
    const peak = [peakMiB(through('printImage', image, json)), peakMiB(through('encodeJson', json, back))];
    assert.ok(contentOf(back).equals(contentOf(image)));
    return peak;
  });
  t.diagnostic(`decode and encode, MiB: ${JSON.stringify(peaks)}`);
  const [[smallDecode = 0, smallEncode = 0] = [], [largeDecode = 0, largeEncode = 0] = []] = peaks;
  assert.ok(largeDecode < 150 && largeDecode < smallDecode + 20);
  assert.ok(largeEncode < 150 && largeEncode < smallEncode + 20);
});

test('a payload is never in memory whole, there and back', (t) => {
  const file = path.join(scratch, 'ghost-file-1.img');
  const writer = new ImageWriter(file, 'GHOST_FILE');
  writer.append({ uid: 0, gid: 0, mode: 0o100600 });
  writer.close();
  for (let i = 0; i < 100; i++) appendFileSync(file, Buffer.alloc(1 << 20, `part ${i}`));
  const json = `${file}.json`;
  const back = `${file}.back`;
  const peaks = [peakMiB(through('printImage', file, json)), peakMiB(through('encodeJson', json, back))];
  t.diagnostic(`decode and encode of 100 MiB, MiB: ${JSON.stringify(peaks)}`);
  assert.ok(peaks.every((peak) => peak < 100));
  assert.ok(contentOf(back).equals(contentOf(file)));
});
