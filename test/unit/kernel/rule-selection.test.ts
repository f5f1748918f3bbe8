import { describe, expect, test } from 'vitest';
import type { ForeignRule } from '../../../src/controller/ports.js';
import { readRule } from '../../../src/kernel/codec/rule.js';
import { MessageWriter } from '../../../src/kernel/netlink/message.js';

/** Numbers of <linux/fib_rules.h>. */
const [SRC, IIFNAME, GOTO_TARGET, PRIORITY, FWMARK, FLOW, TUN_ID] = [2, 3, 4, 6, 10, 11, 12] as const;
const [SUPPRESS_IFGROUP, SUPPRESS_PREFIXLEN, TABLE, OIFNAME, L3MDEV, UID_RANGE] = [13, 14, 15, 17, 19, 20] as const;
const [PROTOCOL, IP_PROTO, SPORT_RANGE, NOT_KNOWN_YET] = [21, 22, 23, 77] as const;
const INVERT = 2;
const [TO_TABLE, GOTO, NOP, BLACKHOLE, UNREACHABLE, PROHIBIT] = [1, 2, 3, 6, 7, 8] as const;

interface Said {
  sourceBits?: number;
  tos?: number;
  action?: number;
  flags?: number;
  table?: number;
  with?: (writer: MessageWriter) => MessageWriter;
}

/** As the kernel reports `ip rule add <...> lookup <table> priority 100`. */
function reported(said: Said): ForeignRule {
  const { sourceBits = 0, tos = 0, action = TO_TABLE, flags = 0, table = 100 } = said;
  const writer = new MessageWriter();
  const header = Buffer.from([2, 0, sourceBits, tos, table, 0, 0, action, flags, 0, 0, 0]);
  writer.bytes(header).attributeU32(TABLE, table).attributeU32(SUPPRESS_PREFIXLEN, 0xffff_ffff);
  writer.attributeU8(PROTOCOL, 3).attributeU32(PRIORITY, 100);
  said.with?.(writer);
  return readRule(writer.take())!;
}

type Row = [text: string, said: Said, selects: ForeignRule['selects'], allToTable?: number];

describe('what a rule tells forwarded packets apart by', () => {
  test.each<Row>([
    ['lookup 100', {}, 'addresses', 100],
    ['lookup main', { table: 254 }, 'addresses', 254],
    ['from 10.0.5.0/24', { sourceBits: 24, with: (w) => w.attribute(SRC, Uint8Array.of(10, 0, 5, 0)) }, 'addresses'],
    ['iif lan0', { with: (w) => w.attributeString(IIFNAME, 'lan0') }, 'addresses'],
    ['iif lo', { with: (w) => w.attributeString(IIFNAME, 'lo') }, 'none'],
    ['not iif lo', { flags: INVERT, with: (w) => w.attributeString(IIFNAME, 'lo') }, 'addresses'],
    ['oif wan0', { with: (w) => w.attributeString(OIFNAME, 'wan0') }, 'none'],
    ['not oif wan0', { flags: INVERT, with: (w) => w.attributeString(OIFNAME, 'wan0') }, 'more'],
    ['l3mdev', { with: (w) => w.attributeU8(L3MDEV, 1) }, 'none'],
    ['nop', { action: NOP }, 'none'],
    ['goto', { action: GOTO, with: (w) => w.attributeU32(GOTO_TARGET, 32766) }, 'addresses'],
    ['blackhole', { action: BLACKHOLE }, 'addresses'],
    ['unreachable', { action: UNREACHABLE }, 'addresses'],
    ['prohibit', { action: PROHIBIT }, 'addresses'],
    ['suppress_prefixlength 0', { with: (w) => w.attributeU32(SUPPRESS_PREFIXLEN, 0) }, 'addresses'],
    ['suppress_ifgroup 5', { with: (w) => w.attributeU32(SUPPRESS_IFGROUP, 5) }, 'addresses'],
    ['realms 7', { with: (w) => w.attributeU32(FLOW, 7) }, 'addresses', 100],
    ['fwmark 1', { with: (w) => w.attributeU32(FWMARK, 1) }, 'more'],
    ['tos 0x10', { tos: 0x10 }, 'more'],
    ['ipproto 6', { with: (w) => w.attributeU8(IP_PROTO, 6) }, 'more'],
    ['sport 80', { with: (w) => w.attribute(SPORT_RANGE, Uint8Array.of(80, 0, 80, 0)) }, 'more'],
    ['uidrange', { with: (w) => w.attribute(UID_RANGE, new Uint8Array(8)) }, 'more'],
    ['tun_id 1', { with: (w) => w.attribute(TUN_ID, new Uint8Array(8)) }, 'more'],
    ['what a later kernel adds', { with: (w) => w.attributeU8(NOT_KNOWN_YET, 1) }, 'more'],
  ])('%s', (_text, said, selects, allToTable = undefined) => {
    const rule = reported(said);
    expect([rule.text, rule.selects, rule.allToTable]).toEqual([rule.text, selects, allToTable ?? null]);
  });

  test('rules that differ only in what has no name here have different texts', () => {
    const texts = [1, 2].map((value) => reported({ with: (w) => w.attributeU8(NOT_KNOWN_YET, value) }).text);
    expect(texts[0]).toBe('ipv4: 100: from all attribute 77 0x01 lookup 100');
    expect(texts[1]).not.toBe(texts[0]);
  });
});
