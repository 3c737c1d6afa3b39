// Writes docs/images.md from the catalogue of image types; with --check it only says whether that would change it.
// Needs a build: node scripts/gen-images-doc.mjs
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import path from 'node:path';
import { format, resolveConfig } from 'prettier';

const root = fileURLToPath(new URL('..', import.meta.url));
const file = path.join(root, 'docs/images.md');
const { IMAGE_TYPES } = await import(path.join(root, 'dist/src/image/catalogue.js'));

const RAW = {
  IFADDR: 'netlink dump of `ip addr save`',
  ROUTE: 'netlink dump of `ip route save`',
  ROUTE6: 'netlink dump of `ip -6 route save`',
  RULE: 'netlink dump of `ip rule save`',
  IPTABLES: 'text of `iptables-save`',
  IP6TABLES: 'text of `ip6tables-save`',
  NFTABLES: 'text of `nft list ruleset`',
  TMPFS_IMG: 'tar.gz of the content',
  TMPFS_DEV: 'tar.gz of the content',
  NETNF_CT: 'netlink dump of conntrack entries',
  NETNF_EXP: 'netlink dump of conntrack expectations',
  PAGES: 'pages of 4096 bytes',
  PAGES_OLD: 'obsolete',
  SHM_PAGES_OLD: 'obsolete',
};

const rows = IMAGE_TYPES.map(({ type, file: name, magic, magicName, message, payload }) => {
  const hex = magic === 0 ? 'none' : `0x${magic.toString(16).padStart(8, '0')}`;
  const named = magicName === type ? '' : ` (${magicName})`;
  const content = message === null ? `raw: ${RAW[type] ?? ''}` : payload === 'none' ? '' : payload;
  return `| ${type} | \`${name}\` | ${hex}${named} | ${message ?? ''} | ${content} |`;
});

const text = `# The image files

A checkpoint is a directory of image files. This page is made from the catalogue in \`src/image/catalogue.ts\`
(\`node scripts/gen-images-doc.mjs\`); the messages and their fields are explained in \`proto/\`.

## Layout

All numbers are little endian.

- An image of today (v1.1) begins with two u32: 0x54564319 for images of a checkpoint or 0x55105940 for service images
  (\`stats-*\`, \`irmap-cache\`), then the magic of its type. \`inventory.img\`, and every image of the older v1.0, has the
  magic of its type alone. Raw images have neither.
- Entries follow to the end of the file: a u32 with the message's size, the message in protobuf encoding, then the payload
  if the type has one.

In JSON an image is \`{"magic": NAME, "entries": [...]}\`, a payload is the entry's \`extra\`; a raw image is \`{"magic": TYPE,
"raw": {...}}\` (see [cli.md](cli.md)).

## Types

In a file name, %u and %d are decimal ids, %x hexadecimal ones, %s is a word.

| type | file | magic (name in JSON, if another) | message | payload |
| --- | --- | --- | --- | --- |
${rows.join('\n')}

## Payloads

| payload | bytes | in JSON |
| --- | --- | --- |
| pagemap | none; the first entry is a pagemap_head, which names the pages image, every later one a pagemap_entry | |
| ghost | one entry and the rest of the file, or, with \`chunks\`, ghost_chunk_entry messages with \`len\` bytes each | base64 |
| pipe | \`bytes\` bytes | base64 |
| packet | \`length\` bytes | base64 |
| tcp | \`inq_len\` bytes received and not read, then \`outq_len\` bytes written and not acknowledged | \`inq\` and \`outq\`, base64 |
| sem | \`nsems\` u16 values, padded to 8 bytes | list of numbers |
| msg | \`qnum\` times a u32 size, an ipc_msg, and \`msize\` bytes padded to 8 | list: message, base64, message, ... |
| shm | \`size\` bytes padded to 4; with \`in_pagemaps\` they are in a pages image instead | base64 |
| bpf | \`keys_bytes\`, then \`values_bytes\` bytes | base64 |
`;

const formatted = await format(text, { ...(await resolveConfig(file)), parser: 'markdown' });
if (process.argv.includes('--check')) {
  if (readFileSync(file, 'utf8') !== formatted) {
    console.error('docs/images.md is not what the catalogue says: run node scripts/gen-images-doc.mjs');
    process.exit(1);
  }
} else {
  writeFileSync(file, formatted);
}
