/** The header, section 3.1, and the cheap checks that come before any hash is computed. */
import { AUTH, TLV_HEADER_BYTES } from './kind.js';
import { allZero, bufferOf, hexAt, ID_BYTES, type ByteWriter } from './bytes.js';
import { messageTypes } from './messages.js';
import { MAXIMUM_MESSAGE_BYTES, type DiscardReason, type Header, type MachineId, type MessageType } from './types.js';
import type { KeyId } from '../pairing/types.js';

const MAGIC = 0x4447;
const VERSION = 1;
export const LENGTH_OFFSET = 4;
const SENDER_OFFSET = 8;
const RECEIVER_OFFSET = 24;
const ORDER_OFFSET = 40;
export const HEADER_BYTES = 48;

export const KEY_ID_BYTES = 8;
export const CODE_BYTES = 16;
export const AUTH_BYTES = TLV_HEADER_BYTES + KEY_ID_BYTES + CODE_BYTES;
/** A header and AUTH. */
export const MINIMUM_MESSAGE_BYTES = HEADER_BYTES + AUTH_BYTES;

/** Key id of a node without a pairing, section 4.4. */
export const UNPAIRED_KEY_ID: KeyId = '0'.repeat(2 * KEY_ID_BYTES);

export interface Peeked {
  ok: true;
  type: MessageType;
  sender: MachineId;
  /** null: whoever shares the key. */
  receiver: MachineId | null;
  order: bigint;
  keyId: KeyId;
}

export type Unreadable = Extract<DiscardReason, 'size' | 'magic' | 'version' | 'type' | 'key'>;

/** Checks 2, 3 and 8 of section 4.2, the last as far as it needs no keys. Nothing of it is authenticated yet. */
export function peek(bytes: Uint8Array): Peeked | { ok: false; reason: Unreadable } {
  if (bytes.length < MINIMUM_MESSAGE_BYTES || bytes.length > MAXIMUM_MESSAGE_BYTES)
    return { ok: false, reason: 'size' };
  const view = bufferOf(bytes);
  if (view.readUInt16BE(LENGTH_OFFSET) !== bytes.length) return { ok: false, reason: 'size' };
  if (view.readUInt16BE(0) !== MAGIC) return { ok: false, reason: 'magic' };
  if (view[2] !== VERSION) return { ok: false, reason: 'version' };
  const type = messageTypes.find(view[3]!);
  if (type === null) return { ok: false, reason: 'type' };
  const auth = bytes.length - AUTH_BYTES;
  if (view.readUInt16BE(auth) !== AUTH || view.readUInt16BE(auth + 2) !== KEY_ID_BYTES + CODE_BYTES) {
    return { ok: false, reason: 'key' };
  }
  return {
    ok: true,
    type,
    sender: hexAt(bytes, SENDER_OFFSET, ID_BYTES),
    receiver: receiverOf(bytes),
    order: view.readBigUInt64BE(ORDER_OFFSET),
    keyId: hexAt(bytes, auth + TLV_HEADER_BYTES, KEY_ID_BYTES),
  };
}

function receiverOf(bytes: Uint8Array): MachineId | null {
  const receiver = bytes.subarray(RECEIVER_OFFSET, RECEIVER_OFFSET + ID_BYTES);
  return allZero(receiver) ? null : hexAt(receiver, 0, ID_BYTES);
}

/** The length is filled in later, at LENGTH_OFFSET. */
export function writeHeader(out: ByteWriter, header: Header, type: MessageType): void {
  out.u16(MAGIC);
  out.u8(VERSION);
  out.u8(messageTypes.codeOf(type));
  out.reserved(2 + 2);
  out.id(header.sender);
  if (header.receiver === null) out.reserved(ID_BYTES);
  else out.id(header.receiver);
  out.u64(header.order);
}
