import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sockets } from '../../src/inspect/sockets.js';
import { imageSet } from './entries.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('sockets', () => {
  it('tell addresses, peers, queues and owners', () => {
    const list = sockets(
      imageSet({
        'pstree.img': [{ pid: 1, ppid: 0 }],
        'ids-1.img': [{ files_id: 2 }],
        'fdinfo-2.img': [
          { fd: 3, type: 4, id: 1, flags: 0 },
          { fd: 9, type: 4, id: 1, flags: 0 },
        ],
        'files.img': [
          {
            id: 1,
            type: 4,
            isk: {
              id: 1,
              ino: 0xe7639,
              family: 2,
              type: 1,
              proto: 6,
              state: 1,
              src_port: 80,
              dst_port: 4000,
              src_addr: [0x0100007f],
              dst_addr: [0x0200000a],
            },
          },
          {
            id: 2,
            type: 4,
            isk: {
              id: 2,
              ino: 5,
              family: 10,
              type: 1,
              proto: 6,
              state: 10,
              src_port: 22,
              dst_port: 0,
              src_addr: [0, 0, 0, 0x01000000],
              dst_addr: [0, 0, 0, 0],
            },
          },
          { id: 3, type: 5, usk: { id: 3, ino: 30, type: 2, state: 7, peer: 31, name: bytes('\0bus\x1b') } },
          { id: 4, type: 5, usk: { id: 4, ino: 31, type: 2, state: 7, peer: 0, name: bytes('/run/s\0') } },
          {
            id: 5,
            type: 13,
            nlsk: { id: 5, ino: 50, protocol: 15, state: 7, portid: 12, groups: [1], dst_portid: 0, dst_group: 0 },
          },
          { id: 6, type: 10, psk: { id: 6, type: 3, protocol: 768, ifindex: 2 } },
        ],
        'tcp-stream-e7639.img': [{ inq_len: 11, outq_len: 22 }],
        'sk-queues.img': [
          { id_for: 4, length: 5 },
          { id_for: 4, length: 6 },
        ],
      }),
    );
    assert.deepEqual(
      list.map(({ family, protocol, local, peer, queued_in, queued_out }) => [
        family,
        protocol,
        local,
        peer,
        queued_in,
        queued_out,
      ]),
      [
        ['INET', 'TCP', '127.0.0.1:80', '10.0.0.2:4000', 11, 22],
        ['INET6', 'TCP', '[::1]:22', '', 0, 0],
        ['UNIX', '', '@bus\\x1b', 'ino 31 /run/s', 0, 0],
        ['UNIX', '', '/run/s', '', 11, 0],
        ['NETLINK', 'KOBJECT_UEVENT', 'port 12 groups 0x1', '', 0, 0],
        ['PACKET', '0x0003', 'ifindex 2', '', 0, 0],
      ],
    );
    assert.deepEqual(list[0]?.owners, [
      { pid: 1, fd: 3 },
      { pid: 1, fd: 9 },
    ]);
    assert.deepEqual(list[1]?.owners, []);
  });
});
