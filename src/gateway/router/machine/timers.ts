/** Timers and limits of docs/gateway-protocol.md, section 7, that no policy sets. */

const MS = 1000;
const SECOND = 1_000_000;

/** An unanswered ELECT, RENEW or RELEASE is repeated after this, doubling up to the next. */
export const FIRST_REPEAT_US = 20 * MS;
export const LONGEST_REPEAT_US = 640 * MS;
/** 20 + 40 + ... + 640 + 640 + 640 ms: 2.5 s. */
export const ELECT_ATTEMPTS = 8;
/** While another node could be elected: 20 + 40 + 80 + 160 + 320 ms. */
export const ELECT_ATTEMPTS_WITH_ALTERNATIVE = 5;
/**
 * Two intervals of ADVERTISE: by then everybody who is there has been heard, and knows its own way out. Who is found better in
 * this time takes over without waiting.
 */
export const ELECTION_OPEN_US = 2 * SECOND;
/** Hold time of an offer: 3.5 of the intervals that it announces, within the bounds of the interval. */
export const HOLD_INTERVALS = 3.5;
/** An offer is read from one link and family of a node's; another one takes over when that is silent for this. */
export const ORIGIN_SILENT_INTERVALS = 2;
/** A path that was bad for this long in every family that is asked of the node is given up. */
export const PATH_FAILS_AFTER_US = 3 * SECOND;
/** An offer that ends this often within the window makes the node rest. */
export const FLAPS = 4;
export const FLAP_WINDOW_US = 60 * SECOND;
/** Orders that an answer may echo: the newest messages of the lease. */
export const REMEMBERED_ORDERS = 16;
/** RENEW is shortened at random by up to this part of its interval. */
export const RENEW_JITTER = 0.25;
/** Whatever a node says of a lease's time, it is not longer. */
export const LONGEST_LEASE_US = 600 * SECOND;
