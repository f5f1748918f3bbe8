/**
 * The checks of section 4.2 in their order, all but `echo`, which needs the state machine. Cheap ones come first: until
 * the key is known nothing costs more than a look into a table, until the order is fresh no hash is computed, and until
 * the hash is right no TLV is read.
 */
import { IpAddress } from '../../net/ip-address.js';
import type { LinkDatagram } from '../../native.js';
import { bufferOf } from '../wire/bytes.js';
import { authenticate, decode, peek, SENT_BY, UNPAIRED_KEY_ID, type Peeked } from '../wire/index.js';
import { HOP_LIMIT, type DiscardReason, type Header, type MachineId, type Message } from '../wire/types.js';
import type { KnownKey } from './keyring.js';
import type { Origin } from './types.js';

/** What the checks ask about this machine and what it has received before. */
export interface CheckContext {
  self: MachineId;
  role: 'router' | 'node';
  /** @param source of the message, and the interface */
  takesRate(source: string): boolean;
  findKey(keyId: string): KnownKey | undefined;
  /** null: not known yet. */
  peerOf(known: KnownKey): MachineId | null;
  isFresh(known: KnownKey, sender: MachineId, order: bigint): boolean;
  /** The message is authentic; its order counts, whatever becomes of the rest of it. */
  onAuthentic(known: KnownKey, peeked: Peeked, source: string): void;
}

export type Arrival = Pick<LinkDatagram, 'bytes' | 'hopLimit' | 'truncated' | 'fragmented'>;

export type Verdict =
  | { kind: 'message'; pairing: string; header: Header; message: Message }
  /** A node without a pairing: for people only. */
  | { kind: 'stranger'; id: MachineId; name: string | null }
  | { kind: 'discard'; reason: DiscardReason };

const discard = (reason: DiscardReason): Verdict => ({ kind: 'discard', reason });

const BROADCAST = IpAddress.parse('255.255.255.255');

/** A neighbour's address: what a router has passed is none, and neither is what nobody can answer to. */
function isOnLink(hopLimit: number, source: IpAddress): boolean {
  if (hopLimit !== HOP_LIMIT) return false;
  if (source.family === 6) return source.isLinkLocal;
  return !(source.isMulticast || source.isUnspecified || source.isLoopback || source.equals(BROADCAST));
}

export function check(arrival: Arrival, { address, ifindex }: Origin, context: CheckContext): Verdict {
  const { bytes, hopLimit } = arrival;
  if (!isOnLink(hopLimit, address)) return discard('ttl');
  if (arrival.truncated || arrival.fragmented) return discard('size');
  const peeked = peek(bytes);
  if (!peeked.ok) return discard(peeked.reason);
  const notForUs = addressing(peeked, context);
  if (notForUs) return discard(notForUs);
  const source = sourceKey(ifindex, address);
  if (!context.takesRate(source)) return discard('rate');
  if (peeked.keyId === UNPAIRED_KEY_ID) return stranger(bytes, peeked, context);
  return authentic(bytes, peeked, source, context);
}

/** One string for each source. */
const sourceKey = (ifindex: number, { bytes }: IpAddress): string => `${ifindex} ${bufferOf(bytes).toString('latin1')}`;

/** Who sends such messages, and who it is from and for. */
function addressing({ type, sender, receiver }: Peeked, { self, role }: CheckContext): DiscardReason | null {
  if (SENT_BY[type] === role) return 'role';
  if (sender === self) return 'own';
  if (receiver !== null && receiver !== self) return 'receiver';
  return null;
}

/** Key id 0: nothing is authentic, nobody has shown that the rest is true. */
function stranger(bytes: Uint8Array, { type, sender }: Peeked, { role }: CheckContext): Verdict {
  if (role !== 'router' || type !== 'advertise') return discard('key');
  if (!authenticate(bytes, null)) return discard('auth');
  const decoded = decode(bytes);
  if (!decoded.ok) return discard(decoded.reason);
  const name = decoded.message.type === 'advertise' ? (decoded.message.name ?? null) : null;
  return { kind: 'stranger', id: sender, name };
}

function authentic(bytes: Uint8Array, peeked: Peeked, source: string, context: CheckContext): Verdict {
  const { sender, order } = peeked;
  const known = context.findKey(peeked.keyId);
  if (!known) return discard('key');
  const peer = context.peerOf(known);
  if (peer !== null && peer !== sender) return discard('key');
  if (!context.isFresh(known, sender, order)) return discard('order');
  if (!authenticate(bytes, known.key)) return discard('auth');
  context.onAuthentic(known, peeked, source);
  const decoded = decode(bytes);
  if (!decoded.ok) return discard(decoded.reason);
  return { kind: 'message', pairing: known.pairing.name, header: decoded.header, message: decoded.message };
}
