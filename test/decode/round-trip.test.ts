import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { openImageReader } from '../../src/decode/image-reader.js';
import { decodeMessage } from '../../src/decode/decode-message.js';
import { encodeMessage } from '../../src/encode/encode-message.js';
import { encodeEntries } from '../../src/encode/image-writer.js';
import { WIRE_KEY } from '../../src/image/entry.js';
import { ImageError } from '../../src/image/errors.js';
import type { Messages } from '../../src/image/generated/messages.js';
import { ENTRY_TYPES, imageOf } from '../image/arbitrary.js';
import { bytesOf, contentOf, FIXTURES, imagesBelow, jsonOf } from '../image/run-image.js';

const typed = (bytes: Uint8Array): Buffer => {
  const reader = openImageReader(bytes);
  return Buffer.from(
    encodeEntries({
      type: reader.description.type,
      ...(reader.header ? { header: reader.header } : {}),
      entries: [...reader],
    }),
  );
};

/** Decodes and encodes in all three ways. */
function assertRoundTrip(bytes: Uint8Array): void {
  const expected = Buffer.from(bytes).toString('hex');
  const json = jsonOf(bytes);
  assert.equal(bytesOf(json).toString('hex'), expected, json);
  const shown = jsonOf(bytes, { pretty: true });
  assert.equal(bytesOf(shown).toString('hex'), expected, shown);
  assert.equal(typed(bytes).toString('hex'), expected, json);
  assert.doesNotThrow(() => JSON.parse(json) as unknown);
  assert.equal(jsonOf(bytes, { recover: true }), json);
}

for (const { type } of ENTRY_TYPES) {
  test(`any ${type} image survives decode, show and the typed form, byte for byte`, () => {
    fc.assert(
      fc.property(imageOf(type), (image) => {
        assertRoundTrip(encodeEntries(image).slice());
      }),
      { numRuns: 15 },
    );
  });
}

/** The bytes of a fdinfo image with one entry, whose message is given in hex. */
function fdinfo(hex: string): Buffer {
  const message = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  const head = Buffer.alloc(12);
  head.writeUInt32LE(0x54564319, 0);
  head.writeUInt32LE(0x56213732, 4);
  head.writeUInt32LE(message.length, 8);
  return Buffer.concat([head, message]);
}

/** id 1, flags 0, type REG, fd 3: what follows departs from it. */
const PLAIN = '0801 1000 1801 2003';

const DEPARTURES: readonly (readonly [name: string, hex: string, wire: readonly string[]])[] = [
  ['an unknown varint', `${PLAIN} d80701`, ['id', 'flags', 'type', 'fd', '=d80701']],
  ['an unknown 64-bit number', `${PLAIN} d1070102030405060708`, ['id', 'flags', 'type', 'fd', '=d1070102030405060708']],
  ['an unknown 32-bit number', `${PLAIN} d50701020304`, ['id', 'flags', 'type', 'fd', '=d50701020304']],
  ['an unknown block', `${PLAIN} d20703616263`, ['id', 'flags', 'type', 'fd', '=d20703616263']],
  [
    'an unknown group',
    `${PLAIN} d307 0801 d3070801d407 d407`,
    ['id', 'flags', 'type', 'fd', '=d3070801d3070801d407d407'],
  ],
  ['an unknown field in the middle', '0801 d80701 1000 1801 2003', ['id', '=d80701', 'flags', 'type', 'fd']],
  ['an unknown field in front', 'd80701 d80702 0801 1000 1801 2003', ['=d80701d80702', 'id', 'flags', 'type', 'fd']],
  ['fields in another order', '2003 1801 1000 0801', ['fd', 'type', 'flags', 'id']],
  ['a required field that comes twice', `0805 ${PLAIN}`, ['id=0805', 'id=0801', 'flags', 'type', 'fd']],
  ['a number of more bytes than it needs', '088100 1000 1801 2003', ['id=088100', 'flags', 'type', 'fd']],
  ['a tag of more bytes than it needs', '888000 01 1000 1801 2003', ['id=88800001', 'flags', 'type', 'fd']],
  ['a number beyond its type', '0881808080f01f 1000 1801 2003', ['id=0881808080f01f', 'flags', 'type', 'fd']],
  ['a required field that is missing', '1000 1801 2003', ['flags', 'type', 'fd']],
  ['an empty message', '', []],
];

for (const [name, hex, wire] of DEPARTURES) {
  test(`${name} comes back as it was`, () => {
    const bytes = fdinfo(hex);
    assertRoundTrip(bytes);
    const { entries } = JSON.parse(jsonOf(bytes)) as { entries: Record<string, unknown>[] };
    assert.deepEqual(entries[0]?.[WIRE_KEY], wire);
  });
}

test('an unknown value of an enum is a number', () => {
  const bytes = fdinfo('0801 1000 1863 2003');
  assertRoundTrip(bytes);
  assert.match(jsonOf(bytes), /"type": 99, "fd": 3\}\]\}$/);
});

/** Message bytes in hex of any message, and the $wire that it gets. */
const MESSAGES: readonly (readonly [name: string, message: keyof Messages, hex: string])[] = [
  ['a list in one packed block', 'creds_entry', '720401020304'],
  ['a list in blocks and one by one', 'creds_entry', '7001 72020203 7004 7200 7005'],
  ['a list whose elements are apart', 'creds_entry', '7001 0801 7002'],
  ['an empty packed block', 'creds_entry', '7200'],
  ['a message that came in pieces', 'core_entry', '0801 1a021001 1a020805'],
  ['a message with a length of more bytes than it needs', 'core_entry', '0801 1a8400 10010805'],
  ['a field twice, once odd', 'fdinfo_entry', '0801 088200 1000 1801 2003'],
];
for (const [name, message, hex] of MESSAGES) {
  test(`${name} comes back as it was`, () => {
    const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
    const decoded = decodeMessage(message, bytes);
    assert.equal(Buffer.from(encodeMessage(message, decoded)).toString('hex'), bytes.toString('hex'));
  });
}

test('an edit takes effect in a message that carries its own layout', () => {
  const bytes = fdinfo('d80701 088100 1000 1801 2003');
  const image = JSON.parse(jsonOf(bytes)) as { entries: Record<string, unknown>[] };
  const entry = image.entries[0] ?? {};
  entry['id'] = 7;
  entry['fd'] = 4;
  assert.equal(bytesOf(JSON.stringify(image)).toString('hex'), fdinfo('d80701 0807 1000 1801 2004').toString('hex'));
});

test('elements can be added to and taken from a list in a message with a layout', () => {
  const name = 'creds_entry' as const;
  const creds = decodeMessage(name, Buffer.from('d80701 7001 72020203 7004'.replaceAll(' ', ''), 'hex'));
  const list = creds.groups ?? [];
  assert.equal(list.length, 4);
  list.push(9);
  assert.equal(
    Buffer.from(encodeMessage(name, creds)).toString('hex'),
    'd80701' + '7001' + '72020203' + '7004' + '7009',
  );
  list.splice(0, 4);
  assert.equal(Buffer.from(encodeMessage(name, creds)).toString('hex'), 'd80701' + '7009');
});

test('a string that is not UTF-8 comes back as it was, and the sound part can be read', () => {
  const bytes = encodeEntries({
    type: 'UTSNS',
    entries: [{ message: { nodename: 'a\udcff\udcc3(b', domainname: 'ä' } }],
  }).slice();
  assertRoundTrip(bytes);
  assert.match(jsonOf(bytes), /"nodename": "a\\udcff\\udcc3\(b", "domainname": "\\u00e4"/);
});

for (const header of ['v1.0', 'service'] as const) {
  test(`an image with the header ${header} comes back as it was`, () => {
    const bytes = encodeEntries({
      type: 'UTSNS',
      header,
      entries: [{ message: { nodename: 'a', domainname: 'b' } }],
    }).slice();
    assertRoundTrip(bytes);
    assert.ok(jsonOf(bytes).startsWith(`{"magic": "UTSNS", "$header": "${header}", "entries": [`));
  });
}

test('padding that is not zero comes back as it was', () => {
  const desc = { key: 0, uid: 0, gid: 0, cuid: 0, cgid: 0, mode: 0, id: 0 };
  const sem = { message: { desc, nsems: 2 }, extra: Uint16Array.of(1, 2), padding: Uint8Array.of(1, 2, 3, 4) };
  const bytes = encodeEntries({ type: 'IPCNS_SEM', entries: [sem] }).slice();
  assertRoundTrip(bytes);
  assert.match(jsonOf(bytes), /"extra": \[1, 2\], "\$padding": "01020304"/);
  const queued = (data: string, padding?: Uint8Array): object => ({
    message: { mtype: 1n, msize: data.length },
    data: Buffer.from(data),
    ...(padding ? { padding } : {}),
  });
  const extra = [queued('abc'), queued('defg', Uint8Array.of(9, 0, 0, 0))];
  assertRoundTrip(
    encodeEntries({ type: 'IPCNS_MSG', entries: [{ message: { desc, qbytes: 9, qnum: 2 }, extra }] }).slice(),
  );
});

/** Changes that keep sizes as they are, or not. */
const mutation = fc.record({ at: fc.nat(), value: fc.nat(255), kind: fc.constantFrom('set', 'insert', 'remove') });

test('an image with bytes changed at random is refused with its place, or survives byte for byte', () => {
  const files = imagesBelow(FIXTURES).filter((file) => contentOf(file).length < 3000);
  let refused = 0;
  let survived = 0;
  fc.assert(
    fc.property(fc.constantFrom(...files), fc.array(mutation, { minLength: 1, maxLength: 3 }), (file, mutations) => {
      const bytes = [...contentOf(file)];
      for (const { at, value, kind } of mutations) {
        // Behind the magic numbers: those are tested elsewhere.
        const place = 8 + (at % Math.max(1, bytes.length - 8));
        if (kind === 'set') bytes[place] = value;
        else if (kind === 'insert') bytes.splice(place, 0, value);
        else bytes.splice(place, 1);
      }
      const image = Uint8Array.from(bytes);
      let json: string;
      try {
        json = jsonOf(image);
      } catch (error) {
        assert.ok(error instanceof ImageError, String(error));
        assert.ok(!error.message.includes('\n'));
        assert.notEqual(error.offsetBytes, undefined, error.message);
        refused++;
        // What is sound is printed all the same, as sound JSON.
        const damage: string[] = [];
        JSON.parse(jsonOf(image, { recover: true, onDamage: (e) => damage.push(e.message) }));
        assert.notEqual(damage.length, 0);
        return;
      }
      survived++;
      assert.doesNotThrow(() => JSON.parse(json) as unknown);
      assertRoundTrip(image);
    }),
    { numRuns: Number(process.env['CRIT_FUZZ_RUNS'] ?? 3000) },
  );
  assert.ok(refused > 0 && survived > 0);
});
