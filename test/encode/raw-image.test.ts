import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { rawJson } from '../../src/decode/raw/raw-json.js';
import { viewRaw } from '../../src/decode/raw/raw-view.js';
import { recogniseRaw } from '../../src/decode/raw/recognise.js';
import { encodeRaw } from '../../src/encode/raw-image.js';
import { fixture } from '../project-path.js';

interface Document {
  magic: string;
  raw: Record<string, unknown>;
}

async function toJson(name: string, bytes: Uint8Array, pretty: boolean, noPayload = false): Promise<Document> {
  const type = recogniseRaw(name, bytes.subarray(0, 64));
  assert.ok(type);
  let text = '';
  for await (const piece of rawJson(await viewRaw(type, [bytes]), [bytes], () => bytes.length, { pretty, noPayload }))
    text += piece;
  return JSON.parse(text) as Document;
}

describe('raw images to JSON and back', () => {
  const files = [
    'ns_net_table/ifaddr-9.img',
    'ns_net_table/route-9.img',
    'ns_net_table/route6-9.img',
    'ns_net_table/rule-9.img',
    'ns_net_table/nftables-9.img',
    'ns_net_table/iptables-9.img',
    'container/route-10.img',
    'ns_mnt/tmpfs-dev-41.tar.gz.img',
  ];
  for (const file of files) {
    for (const pretty of [false, true]) {
      it(`${file} comes back byte for byte${pretty ? ' from many lines' : ''}`, async () => {
        const bytes = readFileSync(fixture(file));
        const { magic, raw } = await toJson(file, bytes, pretty);
        assert.deepEqual(Buffer.from(await encodeRaw(magic, raw)), bytes);
      });
    }
  }

  it('text that is not valid UTF-8 comes back too', async () => {
    const bytes = Buffer.from([0x23, 0xff, 0xfe, 0x0a]);
    const { magic, raw } = await toJson('iptables-1.img', bytes, false);
    assert.deepEqual(Object.keys(raw), ['format', 'data']);
    assert.deepEqual(Buffer.from(await encodeRaw(magic, raw)), bytes);
  });

  it('text may be edited', async () => {
    assert.equal(
      Buffer.from(await encodeRaw('IPTABLES', { text: '*filter\nCOMMIT\n' })).toString(),
      '*filter\nCOMMIT\n',
    );
  });

  it('bytes without their view are enough, whatever their line breaks', async () => {
    assert.equal(Buffer.from(await encodeRaw('RULE', { data: 'aGVs\nbG8=\n' })).toString(), 'hello');
  });
});

describe('JSON that is no raw image', () => {
  const document = toJson('rule-9.img', readFileSync(fixture('ns_net_table/rule-9.img')), false);
  const refuse = (name: string, pattern: RegExp, encode: () => Promise<unknown>): void => {
    it(name, () =>
      assert.rejects(encode(), (error: Error) => pattern.test(error.message) && !error.message.includes('\n')),
    );
  };

  refuse('an edited view is refused, not dropped', /^raw\.messages: differs from what raw\.data says/, async () => {
    const { raw } = structuredClone(await document);
    (raw['messages'] as { table: string }[])[0]!.table = 'main';
    return encodeRaw('RULE', raw);
  });
  refuse('data left out by --nopl', /^raw\.data: the bytes were left out \(--nopl\)/, async () => {
    const { raw } = await toJson('rule-9.img', readFileSync(fixture('ns_net_table/rule-9.img')), false, true);
    assert.equal(raw['data'], '... <244B>');
    return encodeRaw('RULE', raw);
  });
  refuse('data that is no base64', /^raw\.data: expected base64 text, got "\?\?\?"/, () =>
    encodeRaw('RULE', { data: '???' }),
  );
  refuse('data that is no text', /^raw\.data: expected base64 text, got 5/, () => encodeRaw('RULE', { data: 5 }));
  refuse('no data', /^raw\.data: missing/, () => encodeRaw('RULE', { format: 'netlink' }));
  refuse('no raw', /^raw: expected an object, got nothing/, () => encodeRaw('RULE', undefined));
  refuse('pages', /^raw: a pages image is only summarised/, () => encodeRaw('PAGES', { pages: 1 }));
  refuse('another type', /^magic: CORE is not a raw image/, () => encodeRaw('CORE', {}));
});
