/** Bytes to messages: checks 11 and 12 of section 4.2. Never throws, whatever the bytes are. */
import { ByteReader, isNobody, Malformed } from './bytes.js';
import type { Field } from './fields.js';
import { AUTH_BYTES, HEADER_BYTES, peek } from './header.js';
import { CRITICAL, MAXIMUM_TLVS } from './kind.js';
import { CRITICAL_NAMES, layouts } from './messages.js';
import type { Header, Message, MessageType } from './types.js';

export type Decoded =
  | { ok: true; header: Header; message: Message }
  /** `detail`: for people. */
  | { ok: false; reason: 'malformed' | 'critical'; detail: string };

interface Tlv {
  type: number;
  value: ByteReader;
}

/** Whether the message is authentic is not asked here: see authenticate(). */
export function decode(bytes: Uint8Array): Decoded {
  const peeked = peek(bytes);
  if (!peeked.ok) return { ok: false, reason: 'malformed', detail: `not a message (${peeked.reason})` };
  const { type, sender, receiver, order } = peeked;
  try {
    if (isNobody(sender)) throw new Malformed('the sender has no id');
    const tlvs = split(new ByteReader(bytes, HEADER_BYTES, bytes.length - AUTH_BYTES));
    const message = build(type, tlvs);
    const unknown = tlvs.find((tlv) => tlv.type & CRITICAL && !CRITICAL_NAMES.has(tlv.type));
    if (unknown) return { ok: false, reason: 'critical', detail: `unknown TLV ${hex(unknown.type)}` };
    return { ok: true, header: { sender, receiver, order }, message };
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return { ok: false, reason: 'malformed', detail: `${type}: ${error.message}` };
  }
}

const hex = (type: number): string => `0x${type.toString(16).padStart(4, '0')}`;

/** @param reader of what is between header and AUTH */
function split(reader: ByteReader): Tlv[] {
  const tlvs: Tlv[] = [];
  while (reader.remaining > 0) {
    if (tlvs.length === MAXIMUM_TLVS - 1) throw new Malformed(`more than ${MAXIMUM_TLVS} TLVs`);
    const type = reader.u16();
    tlvs.push({ type, value: reader.part(reader.u16()) });
  }
  return tlvs;
}

/** What is known, but has no place in this message, is skipped like what is unknown; unless it is critical. */
function build(type: MessageType, tlvs: readonly Tlv[]): Message {
  const { fields, places } = layouts[type];
  for (const tlv of tlvs) {
    const name = CRITICAL_NAMES.get(tlv.type);
    if (name !== undefined && !places.has(tlv.type)) throw new Malformed(`${name} has no place here`);
  }
  const message: Record<string, unknown> = { type };
  for (const [property, field] of fields) {
    const value = readField(field, tlvs);
    if (value !== undefined) message[property] = value;
  }
  return message as unknown as Message;
}

function readField(field: Field<unknown>, tlvs: readonly Tlv[]): unknown {
  const { kind, minimum, maximum, distinctBy } = field;
  const found = ofType(kind.type, tlvs);
  if (found.length < minimum) throw new Malformed(`${kind.name} is missing`);
  if (found.length > maximum) throw new Malformed(`${kind.name} appears ${found.length} times`);
  const [first] = found;
  // Most fields are there once, in hundreds of messages a second.
  if (first && found.length === 1) return field.fromValues([readValue(field, first.value)]);
  const values = found.map((tlv) => readValue(field, tlv.value));
  if (distinctBy && new Set(values.map(distinctBy)).size < values.length) {
    throw new Malformed(`${kind.name} appears twice for the same`);
  }
  return field.fromValues(values);
}

/** An array that has grown by one has room for 17: what is there at most once is given as it is. */
function ofType(type: number, tlvs: readonly Tlv[]): readonly Tlv[] {
  const first = tlvs.findIndex((tlv) => tlv.type === type);
  if (first < 0) return [];
  const second = tlvs.findIndex((tlv, index) => index > first && tlv.type === type);
  return second < 0 ? [tlvs[first]!] : tlvs.filter((tlv) => tlv.type === type);
}

function readValue({ kind }: Field<unknown>, reader: ByteReader): unknown {
  try {
    const value = kind.read(reader);
    if (reader.remaining > 0 && !kind.mayGrow) throw new Malformed('too long');
    const objection = kind.objection?.(value);
    if (objection) throw new Malformed(objection);
    return value;
  } catch (error) {
    throw error instanceof Malformed ? new Malformed(`${kind.name}: ${error.message}`) : error;
  }
}
