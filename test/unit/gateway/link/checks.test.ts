import { describe, expect, test } from 'vitest';
import { check, type Arrival, type CheckContext, type Verdict } from '../../../../src/gateway/link/checks.js';
import type { Origin } from '../../../../src/gateway/link/types.js';
import type { PairingKey } from '../../../../src/gateway/pairing/types.js';
import { codeOf } from '../../../../src/gateway/wire/auth.js';
import { encode } from '../../../../src/gateway/wire/index.js';
import { DISCARD_REASONS, type DiscardReason, type Header, type Message } from '../../../../src/gateway/wire/types.js';
import { IpAddress } from '../../../../src/net/ip-address.js';
import { testId, testKey } from '../../../helpers/gateway/messages.js';

const SELF = testId('router');
const NODE = testId('node');
const KEY = testKey('pairing');
const ORDER = 7n;
const LINK_LOCAL = IpAddress.parse('fe80::9');

const advertise: Message = {
  type: 'advertise',
  intervalMs: 1000,
  families: [{ family: 4, translation: 'masquerade', gateway: IpAddress.parse('192.0.2.9') }],
  backhaul: [],
  path: [],
};
const lease = { router: SELF, number: 1n, role: 'active', leftMs: 1000 } as const;
const elect: Message = {
  type: 'elect',
  lease,
  echo: 1n,
  want: { families: [4], wayBack: 'router' },
  clients: [],
  path: [],
};

const withdraw: Message = { type: 'withdraw', reason: { code: 'owner', text: '' } };

interface Sent {
  message?: Message;
  header?: Partial<Header>;
  key?: PairingKey | null;
  change?: (bytes: Uint8Array) => Uint8Array | void;
  arrival?: Partial<Arrival & Origin>;
}

function arrivalOf({ message = advertise, header = {}, key = KEY, change, arrival }: Sent): Arrival & Origin {
  const encoded = encode({ sender: NODE, receiver: SELF, order: ORDER, ...header }, message, key);
  const bytes = change?.(encoded) ?? encoded;
  return {
    bytes: Buffer.from(bytes),
    hopLimit: 255,
    truncated: false,
    fragmented: false,
    address: LINK_LOCAL,
    ifindex: 3,
    ifname: 'lan0',
    ...arrival,
  };
}

/** What the checks have asked and told, in order. */
function contextOf(changes: Partial<CheckContext> = {}) {
  const asked: string[] = [];
  const pairing = { name: 'phone', peer: NODE, keys: [KEY], approved: true };
  const note = <T>(what: string, answer: T): T => (asked.push(what), answer);
  const context: CheckContext = {
    self: SELF,
    role: 'router',
    takesRate: () => note('rate', true),
    findKey: (id) => note('key', id === KEY.id ? { pairing, key: KEY } : undefined),
    peerOf: () => NODE,
    isFresh: (_known, _sender, order) => note('order', order >= ORDER),
    onAuthentic: () => note('authentic', undefined),
    ...changes,
  };
  return { context, asked };
}

function run(sent: Sent, changes: Partial<CheckContext> = {}): { verdict: Verdict; asked: string[] } {
  const { context, asked } = contextOf(changes);
  const arrival = arrivalOf(sent);
  return { verdict: check(arrival, arrival, context), asked };
}

const withByte = (offset: number, value: number) => (bytes: Uint8Array) => void (bytes[offset] = value);

const AUTH_BYTES = 28;
const CODE_BYTES = 16;

/** Puts a TLV without a value in front of AUTH, and signs anew: from somebody who has the key. */
const withTlv = (type: number) => (bytes: Uint8Array) => {
  const end = bytes.length - AUTH_BYTES;
  const all = Buffer.concat([bytes.subarray(0, end), Buffer.alloc(4), bytes.subarray(end)]);
  all.writeUInt16BE(type, end);
  all.writeUInt16BE(all.length, 4);
  all.set(codeOf(all.subarray(0, -CODE_BYTES), KEY), all.length - CODE_BYTES);
  return all;
};

/** Key id and code of a node without a pairing. */
const withoutKey = (bytes: Uint8Array): void => void bytes.fill(0, bytes.length - AUTH_BYTES + 4);

const INTERVAL = 0x0008;
const EXPERIMENT = 0x8041;

test('a message that passes every check comes out, with the name of its pairing', () => {
  const { verdict, asked } = run({});
  expect(verdict).toMatchObject({ kind: 'message', pairing: 'phone', header: { sender: NODE, order: ORDER } });
  expect(verdict).toMatchObject({ message: { type: 'advertise', intervalMs: 1000 } });
  expect(asked).toEqual(['rate', 'key', 'order', 'authentic']);
});

const ALL = ['rate', 'key', 'order', 'authentic'];

const rows: [DiscardReason, string, Sent, string[], Partial<CheckContext>?][] = [
  ['ttl', 'a hop limit of 254', { arrival: { hopLimit: 254 } }, []],
  ['ttl', 'a global source', { arrival: { address: IpAddress.parse('2001:db8::9') } }, []],
  ['ttl', 'an IPv4 source that is everybody', { arrival: { address: IpAddress.parse('255.255.255.255') } }, []],
  ['ttl', 'an IPv4 source that is nobody', { arrival: { address: IpAddress.parse('0.0.0.0') } }, []],
  ['ttl', 'a multicast source', { arrival: { address: IpAddress.parse('239.255.68.68') } }, []],
  ['size', 'one byte more than the header says', { change: (bytes) => Buffer.concat([bytes, Buffer.alloc(1)]) }, []],
  ['size', 'a message that was cut off', { arrival: { truncated: true } }, []],
  ['size', 'a message in fragments', { arrival: { fragmented: true } }, []],
  ['magic', 'another magic', { change: withByte(0, 0) }, []],
  ['version', 'version 2', { change: withByte(2, 2) }, []],
  ['type', 'type 200', { change: withByte(3, 200) }, []],
  ['role', 'what a router sends, to a router', { message: elect }, []],
  ['role', 'what a node sends, to a node', {}, [], { role: 'node' }],
  ['own', 'its own id', { header: { sender: SELF } }, []],
  ['receiver', 'another receiver', { header: { receiver: testId('another') } }, []],
  ['rate', 'too many', {}, [], { takesRate: () => false }],
  ['key', 'an unknown key', { key: testKey('unknown') }, ['rate', 'key']],
  ['key', 'no key, and more than an advertisement', { message: withdraw, change: withoutKey }, ['rate']],
  ['key', "somebody else's key", { header: { sender: testId('thief') } }, ['rate', 'key']],
  ['order', 'an old order', { header: { order: ORDER - 1n } }, ['rate', 'key', 'order']],
  ['auth', 'a changed byte', { change: withByte(47, 99) }, ['rate', 'key', 'order']],
  ['auth', 'no key, but a code', { key: null, change: (bytes) => void (bytes[bytes.length - 1] = 1) }, ['rate']],
  ['malformed', 'a TLV twice', { change: withTlv(INTERVAL) }, ALL],
  ['critical', 'a critical TLV of an experiment', { change: withTlv(EXPERIMENT) }, ALL],
];

describe('each check discards under its own name, and nothing dearer has been done by then', () => {
  test.each(rows)('%s: %s', (reason, _what, sent, asked, changes) => {
    expect(run(sent, changes)).toEqual({ verdict: { kind: 'discard', reason }, asked });
  });
});

/** Neither AUTH's type nor its length is what it has to be. */
const withoutAuth = (bytes: Uint8Array): void =>
  void bytes.fill(0xff, bytes.length - AUTH_BYTES, bytes.length - CODE_BYTES);

const both =
  (first: (bytes: Uint8Array) => void) =>
  (bytes: Uint8Array): void => {
    first(bytes);
    withoutAuth(bytes);
  };

/** Step 8 of section 4.2 may be looked at with the header, as far as it is about AUTH's form: after 3 and before 4. */
describe('a message that does not end in AUTH', () => {
  test.each<[DiscardReason, string, Sent, Partial<CheckContext>?]>([
    ['ttl', 'comes from beyond a router', { change: withoutAuth, arrival: { hopLimit: 254 } }],
    ['size', 'was cut off', { change: withoutAuth, arrival: { truncated: true } }],
    ['magic', 'has another magic', { change: both(withByte(0, 0)) }],
    ['version', 'is of version 2', { change: both(withByte(2, 2)) }],
    ['type', 'is of type 200', { change: both(withByte(3, 200)) }],
    ['key', 'nothing else wrong', { change: withoutAuth }],
    ['key', 'is what a router sends, to a router', { change: withoutAuth, message: elect }],
    ['key', 'has its own id', { change: withoutAuth, header: { sender: SELF } }],
    ['key', 'another receiver', { change: withoutAuth, header: { receiver: testId('another') } }],
    ['key', 'is one too many', { change: withoutAuth }, { takesRate: () => false }],
  ])('is discarded (%s): %s', (reason, _what, sent, changes) => {
    expect(run(sent, changes)).toEqual({ verdict: { kind: 'discard', reason }, asked: [] });
  });
});

test('every check but the one of the machines is among those', () => {
  expect([...new Set(rows.map(([reason]) => reason))]).toEqual(DISCARD_REASONS.filter((reason) => reason !== 'echo'));
});

test('a message cut off anywhere, or with any one byte changed, is none', () => {
  const whole = arrivalOf({}).bytes;
  for (let length = 0; length < whole.length; length++) {
    expect(run({ change: (bytes) => bytes.subarray(0, length) }).verdict.kind, `${length} bytes`).toBe('discard');
  }
  for (let at = 0; at < whole.length; at++) {
    const { verdict } = run({ change: (bytes) => void (bytes[at] = bytes[at]! ^ 0x55) });
    expect(verdict.kind, `byte ${at}`).toBe('discard');
  }
});

test('a node without a pairing is a stranger, whatever it says', () => {
  const { verdict, asked } = run({ message: { ...advertise, name: 'tablet' }, key: null });
  expect(verdict).toEqual({ kind: 'stranger', id: NODE, name: 'tablet' });
  expect(asked).toEqual(['rate']);
  expect(run({ key: null }).verdict).toEqual({ kind: 'stranger', id: NODE, name: null });
});

test('whoever speaks first with a key is its peer', () => {
  expect(run({ header: { sender: testId('new') } }, { peerOf: () => null }).verdict.kind).toBe('message');
});
