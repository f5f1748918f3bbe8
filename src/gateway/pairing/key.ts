/** Keys of pairings: made, named, and kept from being printed. */
import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { KEY_BYTES, keyIdOf } from '../wire/auth.js';
import type { Pairing, PairingKey } from './types.js';

export { KEY_BYTES };

const HIDDEN = '(secret)';

/** The bytes of a key. Whoever prints or serializes it by mistake gets a word instead. */
class SecretBytes extends Uint8Array {
  toJSON(): string {
    return HIDDEN;
  }
  override toString(): string {
    return HIDDEN;
  }
  override toLocaleString(): string {
    return HIDDEN;
  }
  [inspect.custom](): string {
    return HIDDEN;
  }
}

/** @param key 32 bytes; copied */
export const pairingKey = (key: Uint8Array, createdMs: number): PairingKey => ({
  id: keyIdOf(key),
  key: SecretBytes.from(key),
  createdMs,
});

export const newKey = (wallMs: number): PairingKey => pairingKey(randomBytes(KEY_BYTES), wallMs);

/** Which side of a pairing this machine is: `nodes`, a router that knows its nodes; `routers`, a node that knows its routers. */
export type PairingSide = 'nodes' | 'routers';

/**
 * The key to send with while a rotation is under way. The router made the new key, so it is certain that the router has it:
 * the node sends with the newest, the router with the oldest until the node has used the newer one.
 */
export const sendingKey = ({ keys }: Pick<Pairing, 'keys'>, side: PairingSide): PairingKey | undefined =>
  side === 'routers' ? keys.at(-1) : keys[0];
