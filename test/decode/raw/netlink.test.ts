import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { DUMP_MAGIC } from '../../../src/decode/raw/dump-magic.js';
import { decodeNetlink } from '../../../src/decode/raw/netlink.js';
import { fixture } from '../../project-path.js';

interface Message {
  header: { type: string };
  family: string;
  attributes: Record<string, unknown>;
}

const messagesOf = (bytes: Uint8Array, magic?: number): Message[] => {
  const { messages, damage } = decodeNetlink(bytes, magic);
  assert.deepEqual(damage, []);
  return messages as unknown as Message[];
};

const u16 = (n: number): Buffer => Buffer.from([n & 255, n >> 8]);
const u32 = (n: number): Buffer => Buffer.from([n & 255, (n >> 8) & 255, (n >> 16) & 255, n >>> 24]);
const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
const attr = (type: number, ...payload: Buffer[]): Buffer => {
  const body = Buffer.concat(payload);
  return padded(Buffer.concat([u16(body.length + 4), u16(type), body]));
};
const nest = (type: number, ...payload: Buffer[]): Buffer => attr(type | 0x8000, ...payload);
const message = (type: number, ...payload: Buffer[]): Buffer => {
  const body = Buffer.concat(payload);
  return Buffer.concat([u32(body.length + 16), u16(type), u16(2), u32(7), u32(99), body]);
};

describe('netlink dumps of ip(8)', () => {
  it('addresses have their names, scopes and flags', () => {
    const messages = messagesOf(readFileSync(fixture('ns_net_table/ifaddr-9.img')), DUMP_MAGIC.IFADDR);
    assert.equal(messages.length, 5);
    assert.deepEqual(messages[1], {
      header: { type: 'RTM_NEWADDR', flags: 'NLM_F_MULTI', seq: 1795433339, pid: 28503 },
      family: 'INET',
      prefixlen: 24,
      flags: 'IFA_F_PERMANENT',
      scope: 'universe',
      index: 3,
      attributes: {
        IFA_ADDRESS: '10.77.0.1',
        IFA_LOCAL: '10.77.0.1',
        IFA_LABEL: 'wlv0',
        IFA_FLAGS: 'IFA_F_PERMANENT',
        IFA_CACHEINFO: { prefered: 4294967295, valid: 4294967295, cstamp: 809545, tstamp: 809545 },
      },
    });
    assert.equal(messages[2]?.attributes['IFA_ADDRESS'], '::1');
  });

  it('routes of both families are told by table, protocol and type', () => {
    const [route] = messagesOf(readFileSync(fixture('ns_net_table/route-9.img')), DUMP_MAGIC.ROUTE);
    assert.deepEqual(route?.attributes, {
      RTA_TABLE: 'main',
      RTA_DST: '10.77.0.0',
      RTA_PREFSRC: '10.77.0.1',
      RTA_OIF: 3,
    });
    const routes6 = messagesOf(readFileSync(fixture('ns_net_table/route6-9.img')), DUMP_MAGIC.ROUTE6);
    assert.deepEqual(
      routes6.map(({ family, attributes }) => [family, attributes['RTA_DST'], attributes['RTA_PREF']]),
      [
        ['INET6', 'fe80::', 'medium'],
        ['INET6', 'fe80::', 'medium'],
      ],
    );
  });

  it('rules have priority, source and table', () => {
    const rules = messagesOf(readFileSync(fixture('ns_net_table/rule-9.img')), DUMP_MAGIC.RULE);
    assert.deepEqual(rules[1]?.attributes, {
      FRA_TABLE: 55,
      FRA_SUPPRESS_PREFIXLEN: -1,
      FRA_PROTOCOL: 'unspec',
      FRA_PRIORITY: 32765,
      FRA_SRC: '10.77.0.1',
    });
  });

  it('a multipath route shows each next hop with its attributes', () => {
    const hop = (ifindex: number, gateway: number[]): Buffer => {
      const attributes = attr(5, Buffer.from(gateway));
      return Buffer.concat([u16(8 + attributes.length), Buffer.from([4, 9]), u32(ifindex), attributes]);
    };
    const rtm = Buffer.concat([Buffer.from([2, 0, 0, 0, 254, 3, 0, 1]), u32(0)]);
    const dump = Buffer.concat([
      u32(DUMP_MAGIC.ROUTE),
      message(24, rtm, attr(9, hop(2, [10, 0, 0, 1]), hop(3, [10, 0, 0, 2])), attr(8, attr(2, u32(1400)))),
    ]);
    assert.deepEqual(messagesOf(dump, DUMP_MAGIC.ROUTE)[0]?.attributes, {
      RTA_MULTIPATH: [
        { flags: 'RTNH_F_ONLINK', hops: 9, ifindex: 2, attributes: { RTA_GATEWAY: '10.0.0.1' } },
        { flags: 'RTNH_F_ONLINK', hops: 9, ifindex: 3, attributes: { RTA_GATEWAY: '10.0.0.2' } },
      ],
      RTA_METRICS: { RTAX_MTU: 1400 },
    });
  });

  it('what is not known is kept in hex, under its number', () => {
    const ifa = Buffer.concat([Buffer.from([2, 24, 0, 77]), u32(1)]);
    const dump = Buffer.concat([
      u32(DUMP_MAGIC.IFADDR),
      message(20, ifa, attr(200, Buffer.from('abcd', 'hex'))),
      message(21, ifa),
    ]);
    const messages = messagesOf(dump, DUMP_MAGIC.IFADDR);
    assert.deepEqual(messages[0]?.attributes, { '#200': 'abcd' });
    assert.deepEqual(messages[1], {
      header: { type: 21, flags: 'NLM_F_MULTI', seq: 7, pid: 99 },
      payload: '0218004d01000000',
    });
  });
});

describe('conntrack dumps', () => {
  const be16 = (n: number): Buffer => Buffer.from([n >> 8, n & 255]);
  const be32 = (n: number): Buffer => Buffer.from([n >>> 24, (n >> 16) & 255, (n >> 8) & 255, n & 255]);
  const ip = (...bytes: number[]): Buffer => Buffer.from(bytes);
  const tuple = (type: number): Buffer =>
    nest(
      type,
      nest(1, attr(1, ip(10, 0, 0, 1)), attr(2, ip(10, 0, 0, 2))),
      nest(2, attr(1, Buffer.from([6])), attr(2, be16(40000)), attr(3, be16(80))),
    );

  it('an entry shows tuples, status and protocol state', () => {
    const dump = message(
      0x100,
      Buffer.from([2, 0, 0, 0]),
      tuple(1),
      attr(3, be32(0x18e)),
      nest(4, nest(1, attr(1, Buffer.from([3])), attr(4, Buffer.from([0x23, 0x23])))),
      attr(7, be32(431999)),
      nest(9, attr(1, Buffer.from([0, 0, 0, 1, 0, 0, 0, 0]))),
    );
    assert.deepEqual(messagesOf(dump)[0], {
      header: { type: 'IPCTNL_MSG_CT_NEW', flags: 'NLM_F_MULTI', seq: 7, pid: 99 },
      family: 'INET',
      version: 0,
      res_id: 0,
      attributes: {
        CTA_TUPLE_ORIG: {
          CTA_TUPLE_IP: { CTA_IP_V4_SRC: '10.0.0.1', CTA_IP_V4_DST: '10.0.0.2' },
          CTA_TUPLE_PROTO: { CTA_PROTO_NUM: 6, CTA_PROTO_SRC_PORT: 40000, CTA_PROTO_DST_PORT: 80 },
        },
        CTA_STATUS: 'IPS_SEEN_REPLY | IPS_ASSURED | IPS_CONFIRMED | IPS_SRC_NAT_DONE | IPS_DST_NAT_DONE',
        CTA_PROTOINFO: {
          CTA_PROTOINFO_TCP: {
            CTA_PROTOINFO_TCP_STATE: 'ESTABLISHED',
            CTA_PROTOINFO_TCP_FLAGS_ORIGINAL: { flags: 0x23, mask: 0x23 },
          },
        },
        CTA_TIMEOUT: 431999,
        CTA_COUNTERS_ORIG: { CTA_COUNTERS_PACKETS: 4294967296n },
      },
    });
  });

  it('an expectation shows its master', () => {
    const dump = message(0x200, Buffer.from([2, 0, 0, 0]), tuple(1), attr(4, be32(300)), attr(6, Buffer.from('ftp\0')));
    const attributes = messagesOf(dump)[0]?.attributes ?? {};
    assert.deepEqual(Object.keys(attributes), ['CTA_EXPECT_MASTER', 'CTA_EXPECT_TIMEOUT', 'CTA_EXPECT_HELP_NAME']);
    assert.equal(attributes['CTA_EXPECT_HELP_NAME'], 'ftp');
  });
});

describe('damaged netlink dumps', () => {
  const sound = readFileSync(fixture('ns_net_table/rule-9.img'));

  it('cut anywhere, they say so or end at a message, and keep what came before', () => {
    for (let length = 0; length < sound.length; length++) {
      const { messages, damage } = decodeNetlink(sound.subarray(0, length), DUMP_MAGIC.RULE);
      const boundary = [4, 56, 124, 184].includes(length);
      assert.equal(damage.length, boundary ? 0 : 1, `cut to ${length} bytes`);
      assert.ok(messages.length <= 4);
    }
  });

  it('lengths that lie are named with message and offset', () => {
    const broken = Buffer.from(sound);
    broken.writeUInt32LE(0xfffffff0, 56);
    const { messages, damage } = decodeNetlink(broken, DUMP_MAGIC.RULE);
    assert.equal(messages.length, 1);
    assert.deepEqual(damage, [
      {
        offsetBytes: 56,
        entry: 1,
        field: 'header',
        reason: 'message length 4294967280 does not fit the 188 bytes left',
      },
    ]);
  });

  it('an attribute that lies costs the rest of its message only', () => {
    const broken = Buffer.from(sound);
    broken.writeUInt16LE(0xffff, 4 + 28);
    const { messages, damage } = decodeNetlink(broken, DUMP_MAGIC.RULE);
    assert.equal(messages.length, 4);
    assert.deepEqual(
      damage.map(({ offsetBytes, field }) => [offsetBytes, field]),
      [[32, 'attributes.FRA_TABLE']],
    );
  });

  it('another magic is refused by name', () => {
    assert.match(
      decodeNetlink(sound, DUMP_MAGIC.ROUTE).damage[0]?.reason ?? '',
      /expected the magic 0x45311224, found 0x71706986/,
    );
  });

  it('nesting without end does not exhaust the stack', () => {
    let bomb: Buffer = Buffer.alloc(0);
    for (let i = 0; i < 8000; i++) {
      const head = Buffer.concat([u16(Math.min(65535, bomb.length + 12)), Buffer.from([0, 0]), u32(0)]);
      bomb = Buffer.concat([u16(Math.min(65535, bomb.length + 12)), u16(9), head, bomb]).subarray(0, 65000);
    }
    const rtm = Buffer.concat([Buffer.from([2, 0, 0, 0, 254, 3, 0, 1]), u32(0)]);
    const { damage } = decodeNetlink(Buffer.concat([u32(DUMP_MAGIC.ROUTE), message(24, rtm, bomb)]), DUMP_MAGIC.ROUTE);
    assert.ok(damage.length > 0);
  });
});
