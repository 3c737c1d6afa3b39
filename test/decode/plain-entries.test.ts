import assert from 'node:assert/strict';
import test from 'node:test';
import { encodeImage, ImageError } from '../../src/index.js';
import { bytesOf, jsonOf } from '../image/run-image.js';

const NUMBERS = [0n, 9n, 10n, 99n, 100n, 127n, 128n, 16383n, 16384n, 999_999_999n, 10n ** 9n]
  .concat([28n, 31n, 32n, 53n, 63n, 64n].flatMap((bits) => [2n ** bits - 1n, 2n ** bits]))
  .filter((value) => value < 2n ** 64n);

/** A pagemap with entries of every length, some with a number beyond 2^53 among them. */
function pagemap(): Buffer {
  const entries = NUMBERS.flatMap((vaddr, i) =>
    NUMBERS.map((pages) => ({
      vaddr,
      compat_nr_pages: Number(pages & 0xffffffffn),
      ...(i % 3 === 0 ? { in_parent: i % 2 === 0 } : {}),
      ...(i % 5 === 0 ? {} : { flags: i % 2 === 0 ? 4 : Number(pages & 0xffffffffn), nr_pages: pages }),
    })),
  );
  return Buffer.from(encodeImage({ magic: 'PAGEMAP', entries: [{ pages_id: 1 }, ...entries] }));
}

/** Of an error, the entry that it is about: recovering has other words for it. */
const placeOf = (error: ImageError | undefined): string | undefined => error && `entry ${error.entry}`;

/** The text, or where the image is damaged, with entries one by one: recovering does not take them in a row. */
function thorough(image: Buffer): string {
  const damage: ImageError[] = [];
  const text = jsonOf(image, { recover: true, onDamage: (error) => damage.push(error) });
  return placeOf(damage[0]) ?? text;
}

function inARow(image: Buffer): string {
  try {
    return jsonOf(image);
  } catch (error) {
    assert.ok(error instanceof ImageError);
    return placeOf(error) ?? '';
  }
}

test('entries of plain numbers are printed in a row as they are one by one, and come back', () => {
  const image = pagemap();
  const json = inARow(image);
  assert.equal(json, thorough(image));
  assert.ok(bytesOf(json).equals(image));
  // a tab is nothing that decode prints: such entries are encoded one by one
  assert.ok(bytesOf(json.replaceAll('{', '{\t')).equals(image));
  assert.ok(bytesOf(json.replaceAll(', {', ' ,\n{')).equals(image));
});

test('what is odd or damaged in them is found as it is one by one', () => {
  const image = pagemap().subarray(0, 2000);
  let x = 1;
  const random = (below: number): number => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    return Math.floor((x / 2 ** 32) * below);
  };
  let damaged = 0;
  for (let round = 0; round < 3000; round++) {
    const changed = Buffer.from(image.subarray(0, 40 + random(image.length - 40)));
    for (let i = 0; i < 1 + random(3); i++)
      changed[14 + random(changed.length - 14)] = [0, 1, 0x7f, 0x80, random(256)][random(5)]!;
    const expected = thorough(changed);
    assert.equal(inARow(changed), expected, changed.toString('hex'));
    if (!expected.startsWith('{')) damaged++;
    else assert.ok(bytesOf(expected).equals(changed), changed.toString('hex'));
  }
  assert.ok(damaged > 100 && damaged < 2990, `${damaged} were damaged`);
});

test('JSON of plain numbers is refused in a row as it is one by one', () => {
  const wrong = [
    '-1',
    '1.5',
    '1e3',
    '18446744073709551616',
    '4294967296',
    '01',
    'true',
    '"x"',
    '""',
    'null',
    '[1]',
    '1 2',
  ];
  const entry = (value: string, key: string): string =>
    `{"vaddr": 4096, "compat_nr_pages": 1, "flags": 4, "nr_pages": 1}, {"vaddr": 8192, "compat_nr_pages": 1, "${key}": ${value}}`;
  const outcome = (json: string): string => {
    try {
      return bytesOf(json).toString('hex');
    } catch (error) {
      assert.ok(error instanceof ImageError);
      return error.reason;
    }
  };
  for (const value of [...wrong, ...NUMBERS.map(String), '"0x10"', '"PE_PRESENT"', 'false'])
    for (const key of ['flags', 'nr_pages', 'in_parent', 'vaddr', 'nothing']) {
      const json = `{"magic": "PAGEMAP", "entries": [{"pages_id": 1}, ${entry(value, key)}]}`;
      assert.equal(outcome(json), outcome(json.replaceAll('{"vaddr"', '{\t"vaddr"')), `${key}: ${value}`);
    }
});
