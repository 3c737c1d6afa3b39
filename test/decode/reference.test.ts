import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { ImageError } from '../../src/image/errors.js';
import { bytesOf, contentOf, FIXTURES, imagesBelow, jsonOf } from '../image/run-image.js';
import { projectPath } from '../project-path.js';

/** Where the Python crit is wrong; docs/differences-from-python-crit.md says how. */
const REFERENCE_WRONG = /ipcns-shm-9\.img$/;

/** All of crit's own sets, and with them (where they are) the full collection they were taken from. */
const SOURCES = [FIXTURES, projectPath('fixtures/sets'), projectPath('../shared/images')];

for (const source of SOURCES) {
  const files = imagesBelow(source);
  test(`images in ${path.basename(source)} decode to the bytes that Python's crit prints, and encode to themselves`, (t) => {
    if (files.length === 0) {
      t.skip(`${source} is not there`);
      return;
    }
    let compared = 0;
    for (const file of files) {
      let decoded: string;
      try {
        decoded = jsonOf(file);
      } catch (error) {
        // Raw images are another matter: test/decode/raw.
        if (error instanceof ImageError && (error.code === 'UNKNOWN_MAGIC' || contentOf(file).length === 0)) continue;
        throw error;
      }
      const shown = jsonOf(file, { pretty: true });
      const bytes = contentOf(file);
      assert.ok(bytesOf(decoded).equals(bytes), `${file}: encode(decode) is another image`);
      assert.ok(bytesOf(shown).equals(bytes), `${file}: encode(show) is another image`);
      assert.equal(jsonOf(file, { recover: true }), decoded, `${file}: --recover prints a sound image otherwise`);
      assert.ok(!decoded.includes('"$'), `${file}: what CRIU wrote needs no key of crit's own`);
      if (REFERENCE_WRONG.test(file)) continue;
      for (const [suffix, text] of [
        ['.json', decoded],
        ['.show.json', shown],
      ] as const) {
        if (!existsSync(file + suffix)) continue;
        assert.equal(text, readFileSync(file + suffix, 'latin1').replace(/\n$/, ''), file + suffix);
        compared++;
      }
    }
    t.diagnostic(`${files.length} images, ${compared} references`);
  });
}
