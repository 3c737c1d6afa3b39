import assert from 'node:assert/strict';
import test from 'node:test';
import { bytesOf, imageErrorOf, jsonOf } from '../image/run-image.js';

const FOWN = '"fown": {"uid": 0, "euid": 0, "signum": 0, "pid_type": 0, "pid": 0}';
/** files.img with one regular file, some of it as given. */
const reg = (more: string): string =>
  `{"magic": "FILES", "entries": [{"type": "REG", "id": 1, "reg": {"id": 1, "flags": 0, "pos": 0, ${FOWN}, "name": "/a", ${more}}}]}`;
const fdinfo = (entry: string): string => `{"magic": "FDINFO", "entries": [${entry}]}`;
const PLAIN = '"id": 1, "flags": 0, "type": "REG", "fd": 3';

/** JSON as people write it, and the JSON that crit makes of it. */
const ACCEPTED: readonly (readonly [name: string, given: string, canonical: string])[] = [
  ['keys in any order', fdinfo('{"fd": 3, "type": "REG", "flags": 0, "id": 1}'), fdinfo(`{${PLAIN}}`)],
  ['the magic after the entries', `{"entries": [{${PLAIN}}], "magic": "FDINFO"}`, fdinfo(`{${PLAIN}}`)],
  [
    'white space everywhere',
    `\n\t{ "magic" :\r\n"FDINFO" ,"entries":[ { "id":1,"flags" : 0 , "type":"REG","fd":3 } ] }\n\n`,
    fdinfo(`{${PLAIN}}`),
  ],
  ['a byte order mark', `\ufeff${fdinfo(`{${PLAIN}}`)}`, fdinfo(`{${PLAIN}}`)],
  [
    'numbers as decimal and hex strings',
    fdinfo('{"id": "0x10", "flags": "0", "type": "REG", "fd": " 3 "}'),
    fdinfo('{"id": 16, "flags": 0, "type": "REG", "fd": 3}'),
  ],
  [
    'octal and binary numbers',
    fdinfo('{"id": "0o17", "flags": "0b1", "type": "REG", "fd": 3}'),
    fdinfo('{"id": 15, "flags": 1, "type": "REG", "fd": 3}'),
  ],
  ['an enum as a number', fdinfo('{"id": 1, "flags": 0, "type": 1, "fd": 3}'), fdinfo(`{${PLAIN}}`)],
  ['an enum as a number in a string', fdinfo('{"id": 1, "flags": 0, "type": "0x1", "fd": 3}'), fdinfo(`{${PLAIN}}`)],
  ['an escaped key', fdinfo('{"\\u0069d": 1, "flags": 0, "type": "REG", "fd": 3}'), fdinfo(`{${PLAIN}}`)],
  [
    'flags by name, in any order, with numbers among them',
    '{"magic": "REG_FILES", "entries": [{"id": 1, "flags": "O_APPEND|0x1 | O_WRONLY", "pos": 0, ' +
      FOWN +
      ', "name": "/"}]}',
    '{"magic": "REG_FILES", "entries": [{"id": 1, "flags": 1025, "pos": 0, ' + FOWN + ', "name": "/"}]}',
  ],
  [
    'flags that are empty',
    '{"magic": "REG_FILES", "entries": [{"id": 1, "flags": "", "pos": 0, ' + FOWN + ', "name": "/"}]}',
    '{"magic": "REG_FILES", "entries": [{"id": 1, "flags": 0, "pos": 0, ' + FOWN + ', "name": "/"}]}',
  ],
  [
    'numbers of 64 bits, exact',
    '{"magic": "TIMENS", "entries": [{"monotonic": {"tv_sec": 18446744073709551615, "tv_nsec": "0xffffffffffffffff"}, "boottime": {"tv_sec": 9007199254740993, "tv_nsec": 0}}]}',
    '{"magic": "TIMENS", "entries": [{"monotonic": {"tv_sec": 18446744073709551615, "tv_nsec": 18446744073709551615}, "boottime": {"tv_sec": 9007199254740993, "tv_nsec": 0}}]}',
  ],
  [
    'base64 without line breaks',
    '{"magic": "TTY_DATA", "entries": [{"tty_id": 1, "data": "YWJj"}]}',
    '{"magic": "TTY_DATA", "entries": [{"tty_id": 1, "data": "YWJj\\n"}]}',
  ],
  [
    'a payload before its message',
    '{"magic": "PIPES_DATA", "entries": [{"extra": "YW\\nJj", "pipe_id": 1, "bytes": 3}]}',
    '{"magic": "PIPES_DATA", "entries": [{"pipe_id": 1, "bytes": 3, "extra": "YWJj\\n"}]}',
  ],
  [
    'a payload with escaped slashes',
    '{"magic": "PIPES_DATA", "entries": [{"pipe_id": 1, "bytes": 3, "extra": "\\/\\/\\/\\/"}]}',
    '{"magic": "PIPES_DATA", "entries": [{"pipe_id": 1, "bytes": 3, "extra": "////\\n"}]}',
  ],
  [
    'an empty payload left out',
    '{"magic": "PIPES_DATA", "entries": [{"pipe_id": 1, "bytes": 0}]}',
    '{"magic": "PIPES_DATA", "entries": [{"pipe_id": 1, "bytes": 0, "extra": ""}]}',
  ],
  ['no entries', '{"magic": "PSTREE", "entries": []}', '{"magic": "PSTREE", "entries": []}'],
  [
    'words for numbers',
    '{"magic": "CORE", "entries": [{"mtype": "X86_64", "tc": {"task_state": "Stopped", "exit_code": 0, "personality": 0, "flags": "0x40", "blk_sigset": 0, "comm": "a"}}]}',
    '{"magic": "CORE", "entries": [{"mtype": "X86_64", "tc": {"task_state": 6, "exit_code": 0, "personality": 0, "flags": 64, "blk_sigset": 0, "comm": "a"}}]}',
  ],
  [
    'a device by its numbers',
    '{"magic": "GHOST_FILE", "entries": [{"uid": 0, "gid": 0, "mode": 8624, "dev": "8:1", "rdev": "4:65", "extra": ""}]}',
    '{"magic": "GHOST_FILE", "entries": [{"uid": 0, "gid": 0, "mode": 8624, "dev": 8388609, "rdev": 1089, "extra": ""}]}',
  ],
];

for (const [name, given, canonical] of ACCEPTED) {
  test(`${name}: encoded`, () => {
    assert.equal(jsonOf(bytesOf(given)), canonical);
  });
}

test('addresses are taken in their usual notations', () => {
  const sk = (address: string): string =>
    `{"magic": "INETSK", "entries": [{"id": 1, "ino": 1, "family": "INET6", "type": "STREAM", "proto": "TCP", "state": "LISTEN", "src_port": 80, "dst_port": 0, "flags": "0x0", "backlog": 1, "src_addr": [${address}], "dst_addr": ["0.0.0.0"], ${FOWN}, "opts": {"so_sndbuf": 0, "so_rcvbuf": 0, "so_snd_tmo_sec": 0, "so_snd_tmo_usec": 0, "so_rcv_tmo_sec": 0, "so_rcv_tmo_usec": 0}}]}`;
  const shown = (address: string): string | undefined =>
    /"src_addr": \[\s*("[^"]*")/.exec(jsonOf(bytesOf(sk(address)), { pretty: true }))?.[1];
  for (const [given, expected] of [
    ['"127.0.0.1"', '"127.0.0.1"'],
    ['"::"', '"::"'],
    ['"::1"', '"::1"'],
    ['"2001:DB8:0:0:1:0:0:1"', '"2001:db8::1:0:0:1"'],
    ['"::ffff:1.2.3.4"', '"::ffff:102:304"'],
    ['"fe80::1:2:3:4"', '"fe80::1:2:3:4"'],
    ['16777343', '"127.0.0.1"'],
    ['0, 0, 0, 16777216', '"::1"'],
  ]) {
    assert.equal(shown(given ?? ''), expected);
  }
  for (const wrong of ['"1.2.3"', '"1.2.3.256"', '"1::2::3"', '":::"', '"12345::"', '"host"']) {
    assert.match(imageErrorOf(() => bytesOf(sk(wrong))).message, /^entries\[0\]\.src_addr\[0\]: expected an integer/);
  }
});

/** JSON that stands for no image, and the whole complaint. */
const REFUSED: readonly (readonly [given: string, message: string | RegExp])[] = [
  [reg('"pos": "abc"'), /"pos" is given twice/],
  [
    `{"magic": "FILES", "entries": [{"type": "REG", "id": 1}, {"type": "REG", "id": 1, "reg": {"id": 1, "flags": 0, "pos": "abc", ${FOWN}, "name": "/a"}}]}`,
    'entries[1].reg.pos: expected an integer, got "abc"',
  ],
  [fdinfo('{"id": -1, "flags": 0, "type": "REG", "fd": 3}'), 'entries[0].id: -1 does not fit a field of type uint32'],
  [
    fdinfo('{"id": 4294967296, "flags": 0, "type": "REG", "fd": 3}'),
    'entries[0].id: 4294967296 does not fit a field of type uint32',
  ],
  [fdinfo('{"id": 1.5, "flags": 0, "type": "REG", "fd": 3}'), 'entries[0].id: expected an integer, got 1.5'],
  [fdinfo('{"id": true, "flags": 0, "type": "REG", "fd": 3}'), 'entries[0].id: expected an integer, got true'],
  [fdinfo('{"id": null, "flags": 0, "type": "REG", "fd": 3}'), 'entries[0].id: expected an integer, got null'],
  [fdinfo('{"id": [], "flags": 0, "type": "REG", "fd": 3}'), 'entries[0].id: expected an integer, got a list'],
  [fdinfo('{"id": "010", "flags": 0, "type": "REG", "fd": 3}'), 'entries[0].id: expected an integer, got "010"'],
  [fdinfo('{"id": 1, "flags": 0, "type": "REGULAR", "fd": 3}'), 'entries[0].type: fd_types has no value "REGULAR"'],
  [fdinfo('{"id": 1, "flags": 0, "type": "REG"}'), 'entries[0].fd: required, and missing'],
  [fdinfo(`{${PLAIN}, "colour": 1}`), 'entries[0].colour: fdinfo_entry has no such field'],
  [fdinfo(`{${PLAIN}, "extra": ""}`), 'entries[0].extra: fdinfo_entry has no such field'],
  [fdinfo(`{${PLAIN}, "$damaged": "offset 3"}`), /^entries\[0\]\.\$damaged: the image was damaged here/],
  [fdinfo(`{${PLAIN}, "$wire": ["id", "nonsense"]}`), 'entries[0].$wire[1]: fdinfo_entry has no field nonsense'],
  [fdinfo(`{${PLAIN}, "$wire": ["id=1000"]}`), 'entries[0].$wire[0]: holds the field flags'],
  [fdinfo(`{${PLAIN}, "$wire": ["=08"]}`), /^entries\[0\]\.\$wire\[0\]: is no sound protobuf/],
  [fdinfo(`{${PLAIN}, "$wire": 1}`), 'entries[0].$wire: expected a list, got 1'],
  [fdinfo('7'), 'entries[0]: expected an object, got 7'],
  ['{"magic": "FDINFO", "entries": {}}', 'entries: expected a list, got an object'],
  ['{"entries": {}, "magic": "FDINFO"}', 'entries: expected a list, got an object'],
  ['{"magic": "FDINFO"}', 'entries: missing'],
  ['{"entries": []}', 'magic: missing'],
  ['{"magic": 1, "entries": []}', 'magic: expected a string, got 1'],
  ['{"magic": "NONSENSE", "entries": []}', 'magic: "NONSENSE" is no type of image'],
  ['{"magic": "FDINFO", "entries": [], "more": 1}', 'more: an image has no such member'],
  ['{"magic": "FDINFO", "$header": "v2", "entries": []}', '$header: expected "v1.0", "common" or "service", got "v2"'],
  ['[]', /expected \{, got \[/],
  ['', /expected \{, got the end/],
  ['{"magic": "FDINFO", "entries": [', /offset 32, entries\[0\]: expected a value, got the end|offset 32/],
  [fdinfo(`{${PLAIN}}`) + 'x', /expected the end, got x/],
  [fdinfo(`{${PLAIN},}`), /expected a key, got \}/],
  [fdinfo(`{${PLAIN}} {`), /expected ,, got \{/],
  [fdinfo('{"id": NaN}'), /expected a value, got N/],
  [fdinfo('{"id": 01}'), /expected a number, got 01/],
  [fdinfo('{"id": "a\nb"}'), /0x0a must be escaped/],
  [fdinfo('{"id": "\\x"}'), /no such escape/],
  [
    '{"magic": "UTSNS", "entries": [{"nodename": 5, "domainname": ""}]}',
    'entries[0].nodename: expected a string, got 5',
  ],
  [
    '{"magic": "UTSNS", "entries": [{"nodename": "\\ud800", "domainname": ""}]}',
    'entries[0].nodename: holds a lone surrogate that stands for no byte',
  ],
  ['{"magic": "TTY_DATA", "entries": [{"tty_id": 1, "data": "YW#j"}]}', 'entries[0].data: expected base64, got "YW#j"'],
  ['{"magic": "TTY_DATA", "entries": [{"tty_id": 1, "data": 5}]}', 'entries[0].data: expected base64, got 5'],
  [
    '{"magic": "PIPES_DATA", "entries": [{"pipe_id": 1, "bytes": 4, "extra": "YWJj"}]}',
    'entries[0].extra: holds 3 bytes, bytes says 4',
  ],
  ['{"magic": "PIPES_DATA", "entries": [{"pipe_id": 1, "bytes": 4}]}', 'entries[0].extra: holds 0 bytes, bytes says 4'],
  [
    '{"magic": "PIPES_DATA", "entries": [{"pipe_id": 1, "bytes": 4, "extra": "... <4B>"}]}',
    'entries[0].extra: the payload was left out (--nopl): decode the image without --nopl',
  ],
  [
    '{"magic": "PIPES_DATA", "entries": [{"pipe_id": 1, "bytes": 4, "extra": "YWJj="}]}',
    'entries[0].extra: expected base64',
  ],
  [
    '{"magic": "TCP_STREAM", "entries": [{"inq_len": 0, "inq_seq": 0, "outq_len": 0, "outq_seq": 0, "opt_mask": 0, "extra": {"inq": ""}}]}',
    'entries[0].extra.outq: missing',
  ],
  [
    '{"magic": "REG_FILES", "entries": [{"id": 1, "flags": "O_RDWR | O_WRONG", "pos": 0, "fown": {}, "name": "/"}]}',
    'entries[0].flags: expected flags, got "O_RDWR | O_WRONG": there is no "O_WRONG"',
  ],
  [
    '{"magic": "GHOST_FILE", "entries": [{"uid": 0, "gid": 0, "mode": 0, "dev": "8:1048576", "extra": ""}]}',
    /^entries\[0\]\.dev: 1048576 is no minor device number/,
  ],
  [
    '{"magic": "GHOST_FILE", "entries": [{"uid": 0, "gid": 0, "mode": 0, "extra": ""}, {"len": 0, "off": 0}]}',
    'entries[1]: a ghost file without chunks has one entry',
  ],
  [
    '{"magic": "IPCNS_SEM", "entries": [{"desc": {"key": 0, "uid": 0, "gid": 0, "cuid": 0, "cgid": 0, "mode": 0, "id": 0}, "nsems": 2, "extra": [1]}]}',
    'entries[0].extra: holds 1 values, nsems says 2',
  ],
  [
    '{"magic": "IPCNS_SEM", "entries": [{"desc": {"key": 0, "uid": 0, "gid": 0, "cuid": 0, "cgid": 0, "mode": 0, "id": 0}, "nsems": 1, "extra": [65536]}]}',
    'entries[0].extra[0]: expected an integer from 0 to 65535, got 65536',
  ],
  [
    '{"magic": "PAGEMAP", "entries": [{"pages_id": 1}, {"vaddr": "0x1000", "compat_nr_pages": 1, "flags": "PE_PRESENT | PE_GONE"}]}',
    'entries[1].flags: expected flags, got "PE_PRESENT | PE_GONE": there is no "PE_GONE"',
  ],
  [
    '{"magic": "PAGEMAP", "entries": [{"pages_id": 1}, {"vaddr": 4096, "compat_nr_pages": 4294967296}]}',
    'entries[1].compat_nr_pages: 4294967296 does not fit a field of type uint32',
  ],
  [
    '{"magic": "PAGEMAP", "entries": [{"pages_id": 1}, {"vaddr": 18446744073709551616, "compat_nr_pages": 1}]}',
    'entries[1].vaddr: 18446744073709551616 does not fit a field of type uint64',
  ],
  [
    '{"magic": "PAGEMAP", "entries": [{"pages_id": 1}, {"vaddr": 1}]}',
    'entries[1].compat_nr_pages: required, and missing',
  ],
  ['['.repeat(100000), /expected \{/],
  [`{"magic": "FDINFO", "entries": [{"id": ${'['.repeat(100000)}}]}`, /nested deeper than 256/],
];

for (const [given, message] of REFUSED) {
  test(`refused: ${given.slice(0, 110)}`, () => {
    const error = imageErrorOf(() => bytesOf(given));
    assert.equal(error.code, 'BAD_JSON');
    if (typeof message === 'string') assert.equal(error.message, message);
    else assert.match(error.message, message);
    assert.ok(!error.message.includes('\n'));
  });
}

test('JSON that is not UTF-8 is refused', async () => {
  const { encodeJson } = await import('../../src/encode/encode-json.js');
  const json = Buffer.concat([
    Buffer.from('{"magic": "UTSNS", "entries": [{"nodename": "'),
    Buffer.from([0xff]),
    Buffer.from('", "domainname": ""}]}'),
  ]);
  assert.match(
    imageErrorOf(() => encodeJson(json, () => undefined)).message,
    /entries\[0\]\.nodename: a string that is not UTF-8/,
  );
});

test('what the quick way and the thorough way make of a pagemap is the same', () => {
  const numbers = [
    '0',
    '1',
    '127',
    '128',
    '16383',
    '16384',
    '2147483647',
    '2147483648',
    '4294967295',
    '"0x0"',
    '"0xffffffff"',
  ];
  const wide = [
    ...numbers,
    '4294967296',
    '9007199254740991',
    '9007199254740992',
    '18446744073709551615',
    '"0x1fffffffffffff"',
    '"0x20000000000000"',
    '"0xffffffffffffffff"',
    '"12"',
  ];
  const flags = ['""', '"PE_PRESENT"', '"PE_LAZY | PE_PRESENT"', '"PE_PARENT | 0x40"', '7', '"0x7"'];
  for (const vaddr of wide)
    for (const pages of numbers)
      for (const flag of flags) {
        const entry = `"vaddr": ${vaddr}, "compat_nr_pages": ${pages}, "in_parent": false, "flags": ${flag}, "nr_pages": ${vaddr}`;
        // A key out of order takes the thorough way.
        const thorough = `"in_parent": false, "vaddr": ${vaddr}, "compat_nr_pages": ${pages}, "flags": ${flag}, "nr_pages": ${vaddr}`;
        const image = (text: string): string => `{"magic": "PAGEMAP", "entries": [{"pages_id": 1}, {${text}}]}`;
        assert.ok(bytesOf(image(entry)).equals(bytesOf(image(thorough))), entry);
      }
});
