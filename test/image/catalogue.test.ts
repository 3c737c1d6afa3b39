import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import {
  FIRST_MAGIC,
  IMAGE_TYPES,
  imageFileName,
  typeByMagic,
  typeByMagicName,
  typeOfFileName,
  type ImageType,
} from '../../src/image/catalogue.js';
import { projectPath } from '../project-path.js';

interface Facts {
  common_magic: { IMG_COMMON: string; IMG_SERVICE: string };
  images: { type: string; file: string; magic: string; message: string | null }[];
}
const facts = JSON.parse(readFileSync(projectPath('fixtures/facts/images.json'), 'utf8')) as Facts;

test('the catalogue has every type of CRIU 4.2, with its file, magic and message', () => {
  assert.deepEqual(
    IMAGE_TYPES.map(({ type, file, magic, message }) => ({ type, file, magic, message })),
    facts.images.map(({ type, file, magic, message }) => ({
      type,
      file: file.replace('%l', '%'),
      magic: Number(magic),
      message,
    })),
  );
  assert.equal(FIRST_MAGIC.common, Number(facts.common_magic.IMG_COMMON));
  assert.equal(FIRST_MAGIC.service, Number(facts.common_magic.IMG_SERVICE));
});

const NAMES: readonly (readonly [ImageType, number | bigint | string | undefined, string])[] = [
  ['INVENTORY', undefined, 'inventory.img'],
  ['CORE', 1234, 'core-1234.img'],
  ['GHOST_FILE', 0x1a, 'ghost-file-1a.img'],
  ['TCP_STREAM', 0xdeadbeef, 'tcp-stream-deadbeef.img'],
  ['SHMEM_PAGEMAP', 18446744073709551615n, 'pagemap-shmem-18446744073709551615.img'],
  ['TMPFS_DEV', 40, 'tmpfs-dev-40.tar.gz.img'],
  ['STATS', 'dump', 'stats-dump'],
  ['IRMAP_CACHE', undefined, 'irmap-cache'],
  ['BINFMT_MISC', undefined, 'binfmt-misc.img'],
  ['BINFMT_MISC_OLD', 3, 'binfmt-misc-3.img'],
  ['PAGES', 1, 'pages-1.img'],
  ['SHM_PAGES_OLD', -5, 'pages-shmem--5.img'],
];
for (const [type, id, name] of NAMES) {
  test(`${name} is ${type}, and the other way round`, () => {
    assert.equal(imageFileName(type, id), name);
    assert.deepEqual(typeOfFileName(name), id === undefined ? { type } : { type, id });
  });
}

for (const name of ['core-.img', 'core-12.img.bak', 'xcore-12.img', 'core-0x1.img', 'pstreeximg', '']) {
  test(`"${name}" is no image's name`, () => {
    assert.equal(typeOfFileName(name), undefined);
  });
}

test('of types with one magic, the magic tells the one it is named after', () => {
  assert.equal(typeByMagic(0x56084025)?.type, 'PAGEMAP');
  assert.equal(typeByMagic(0x59255647)?.type, 'SIGNAL');
  assert.equal(typeByMagic(0x67343323)?.magicName, 'BINFMT_MISC');
  assert.equal(typeByMagicName('PAGEMAP')?.type, 'PAGEMAP');
  assert.equal(typeByMagicName('IFADDR')?.type, 'IFADDR');
  assert.equal(typeByMagic(0), undefined);
});

test('a type with an id in its name does not get a name without', () => {
  assert.throws(() => imageFileName('CORE'), TypeError);
});
