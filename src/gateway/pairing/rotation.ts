/** Changing the key of a pairing without a moment in which the two sides share none. Pure. */
import type { KeyId, Pairing, PairingKey } from './types.js';

/**
 * Adds a key beside the one in use. If the peer has not used the last new one yet, that one is replaced: its line was lost,
 * and the key that the peer does use must stay.
 */
export function withNewKey(pairing: Pairing, key: PairingKey): Pairing {
  const [inUse] = pairing.keys.filter(({ id }) => id !== key.id);
  return { ...pairing, keys: inUse === undefined ? [key] : [inUse, key] };
}

/** Forgets the keys older than one that the peer has used; the same pairing if there is none. */
export function withoutOldKeys(pairing: Pairing, newestUsed: KeyId): Pairing {
  const index = pairing.keys.findIndex(({ id }) => id === newestUsed);
  return index <= 0 ? pairing : { ...pairing, keys: pairing.keys.slice(index) };
}
