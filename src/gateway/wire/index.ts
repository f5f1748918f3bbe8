/** Codec of the gateway protocol: docs/gateway-protocol.md, sections 3, 4 and 10. */
export { authenticate, KEY_BYTES, keyIdOf } from './auth.js';
export { decode, type Decoded } from './decode.js';
export { encode } from './encode.js';
export { MINIMUM_MESSAGE_BYTES, peek, UNPAIRED_KEY_ID, type Peeked, type Unreadable } from './header.js';
export { MAXIMUM_CLIENTS, MAXIMUM_PATH } from './kinds-lease.js';
export { INTERVAL_RANGE_MS, MAXIMUM_NAME_BYTES } from './kinds-offer.js';
export * from './types.js';
