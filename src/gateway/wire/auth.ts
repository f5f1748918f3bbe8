/** Authentication codes, section 4.1: HMAC-SHA-256-128 (RFC 4868), the key named by an id made from it. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { KeyId, PairingKey } from '../pairing/types.js';
import { allZero, hexAt } from './bytes.js';
import { CODE_BYTES, KEY_ID_BYTES, MINIMUM_MESSAGE_BYTES } from './header.js';

export const KEY_BYTES = 32;
const KEY_ID_LABEL = 'detour key id 1';

/**
 * What names a key on the wire; tells nothing of the key.
 * @throws RangeError for a key that is not 32 bytes
 */
export function keyIdOf(key: Uint8Array): KeyId {
  if (key.length !== KEY_BYTES) throw new RangeError(`a key has ${KEY_BYTES} bytes, not ${key.length}`);
  return hexAt(createHmac('sha256', key).update(KEY_ID_LABEL).digest(), 0, KEY_ID_BYTES);
}

/** @param signed everything from the header to the key id */
export const codeOf = (signed: Uint8Array, key: PairingKey): Uint8Array =>
  createHmac('sha256', key.key).update(signed).digest().subarray(0, CODE_BYTES);

/**
 * True if the message was made with this key; compared in constant time.
 * @param key null: true for the zeroes that a node without a pairing sends (section 4.4), which proves nothing
 */
export function authenticate(bytes: Uint8Array, key: PairingKey | null): boolean {
  if (bytes.length < MINIMUM_MESSAGE_BYTES) return false;
  const codeAt = bytes.length - CODE_BYTES;
  if (key === null) return allZero(bytes.subarray(codeAt - KEY_ID_BYTES));
  return timingSafeEqual(codeOf(bytes.subarray(0, codeAt), key), bytes.subarray(codeAt));
}
