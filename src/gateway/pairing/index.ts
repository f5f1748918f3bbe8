/** Pairings: identity, epochs, keys and the files they are kept in. */
export { nextEpoch, type EpochOwner } from './epoch.js';
export { isPairingName, PAIRING_NAME_RULE } from './format.js';
export { machineId } from './identity.js';
export { formatKeyLine, parseKeyLine, type KeyLine } from './key-line.js';
export { newKey, pairingKey, sendingKey, type PairingSide } from './key.js';
export { openPairings, type PairingProblem, type PairingStore } from './store.js';
export type { KeyId, Pairing, PairingKey } from './types.js';
