/** Every message of the gateway protocol, at random; keys and ids of tests. */
import { createHash } from 'node:crypto';
import fc, { type Arbitrary } from 'fast-check';
import type { PairingKey } from '../../../src/gateway/pairing/types.js';
import { keyIdOf } from '../../../src/gateway/wire/index.js';
import type {
  Backhaul,
  Header,
  Lease,
  MachineId,
  Message,
  MessageType,
  OfferedFamily,
  Reason,
  ReasonCode,
} from '../../../src/gateway/wire/types.js';
import { IpAddress, type Family } from '../../../src/net/ip-address.js';
import { Prefix } from '../../../src/net/prefix.js';

/** A key that is always the same for the same name. */
export function testKey(name: string): PairingKey {
  const key = createHash('sha256').update(`test key ${name}`).digest();
  return { id: keyIdOf(key), key, createdMs: 0 };
}

/** An id that is always the same for the same name. */
export const testId = (name: string): MachineId => createHash('sha256').update(`id ${name}`).digest('hex').slice(0, 32);

const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const u64 = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn });
const below64 = u64.filter((value) => value < 0xffff_ffff_ffff_ffffn);
const maybe = <T>(value: Arbitrary<T>): Arbitrary<T | undefined> => fc.option(value, { nil: undefined });

export const machineId: Arbitrary<MachineId> = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .filter((bytes) => bytes.some((byte) => byte !== 0))
  .map((bytes) => Buffer.from(bytes).toString('hex'));

const family = fc.constantFrom<Family>(4, 6);
const addressOf = (of: Family): Arbitrary<IpAddress> => {
  const length = of === 4 ? 4 : 16;
  return fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => IpAddress.fromBytes(bytes));
};
const unicastOf = (of: Family): Arbitrary<IpAddress> =>
  addressOf(of).filter((address) => !address.isMulticast && !address.isUnspecified && !address.isLoopback);
const prefix = family.chain((of) =>
  fc.tuple(addressOf(of), fc.nat(of === 4 ? 32 : 128)).map(([address, length]) => Prefix.of(address, length)),
);

/** Texts that go over the wire as they are: no controls, no half surrogates, few enough bytes. */
const textOf = (minimum: number, maximum: number): Arbitrary<string> =>
  fc.string({ unit: 'binary', minLength: 0, maxLength: maximum }).filter((text) => {
    const bytes = Buffer.byteLength(text);
    return bytes >= minimum && bytes <= maximum && !/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u.test(text);
  });

const reasonCode = fc.constantFrom<ReasonCode>(
  ...(['busy', 'backhaul', 'battery', 'budget', 'loop', 'owner', 'arming-failed', 'no-such-lease'] as const),
  ...(['nothing-offered', 're-established', 'other-is-better', 'operator', 'shutting-down', 'path-fails'] as const),
);
const reason: Arbitrary<Reason> = fc.record({ code: reasonCode, text: textOf(0, 60) });

export const lease: Arbitrary<Lease> = fc.record({
  router: machineId,
  number: u64.filter((number) => number !== 0n),
  role: fc.constantFrom('standby', 'active'),
  leftMs: u32,
});

const offered = (of: Family): Arbitrary<OfferedFamily> =>
  fc.record({ family: fc.constant(of), translation: fc.constantFrom('masquerade', 'routed'), gateway: unicastOf(of) });
const families = fc.oneof(
  family.chain(offered).map((one) => [one]),
  fc.tuple(offered(4), offered(6)).map((both) => [...both]),
);

const backhaulOf = (of: Family): Arbitrary<Backhaul> =>
  fc.record({
    family: fc.constant(of),
    state: fc.constantFrom('unknown', 'good', 'bad'),
    lossPermille: fc.integer({ min: 0, max: 1000 }),
    rttUs: u32,
    ageMs: u32,
  });
const backhaul = fc.oneof(
  fc.constant<Backhaul[]>([]),
  family.chain(backhaulOf).map((one) => [one]),
  fc.tuple(backhaulOf(4), backhaulOf(6)).map((both) => [...both]),
);

const cost = fc.record({ preference: u16, metered: fc.boolean(), bytesLeft: fc.option(below64, { nil: null }) });
const power = fc.record({
  batteryPercent: fc.option(fc.integer({ min: 0, max: 100 }), { nil: null }),
  charging: fc.boolean(),
});
const usage = fc.record({ toNetworkBytes: u64, fromNetworkBytes: u64 });
const path = fc.array(machineId, { maxLength: 8 });
const byte = fc.integer({ min: 0, max: 255 });

const request = {
  lease,
  echo: u64,
  want: fc.record({
    families: fc.constantFrom<Family[]>([4], [6], [4, 6]),
    wayBack: fc.constantFrom('router' as const, 'direct' as const),
  }),
  clients: fc.array(prefix, { maxLength: 16 }),
  path,
};

/** Messages by type. */
export const messagesOf: { [T in MessageType]: Arbitrary<Extract<Message, { type: T }>> } = {
  advertise: fc.record({
    type: fc.constant('advertise'),
    intervalMs: fc.integer({ min: 100, max: 60_000 }),
    families,
    name: maybe(textOf(1, 32)),
    capacity: maybe(fc.record({ downKbps: u32, upKbps: u32 })),
    cost: maybe(cost),
    power: maybe(power),
    backhaul,
    slots: maybe(fc.record({ total: byte, used: byte })),
    path,
    lease: maybe(lease),
  }),
  withdraw: fc.record({ type: fc.constant('withdraw'), reason, lease: maybe(lease) }),
  elect: fc.record({ type: fc.constant('elect'), ...request }),
  accept: fc.record({ type: fc.constant('accept'), lease, echo: u64, families }),
  refuse: fc.record({ type: fc.constant('refuse'), lease, echo: u64, reason }),
  renew: fc.record({ type: fc.constant('renew'), ...request }),
  status: fc.record({
    type: fc.constant('status'),
    lease,
    echo: u64,
    usage,
    families,
    backhaul,
    power: maybe(power),
    cost: maybe(cost),
  }),
  release: fc.record({ type: fc.constant('release'), lease, echo: u64, reason }),
  released: fc.record({ type: fc.constant('released'), lease, echo: u64, usage }),
};

export const message: Arbitrary<Message> = fc.oneof(...(Object.values(messagesOf) as Arbitrary<Message>[]));

export const header: Arbitrary<Header> = fc.record({
  sender: machineId,
  receiver: fc.option(machineId, { nil: null }),
  order: u64,
});
