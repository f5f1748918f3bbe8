/**
 * Chance taken out of the machines: generator states after which the next fraction is 0 (so no interval is shortened) and
 * the next lease number is the one that is next in a count.
 */

/** Of the node's generator (mulberry32): found once by search, as that one cannot be turned round. */
export const NODE_RANDOM = findNodeRandom();

function findNodeRandom(): number {
  for (let state = 0; ; state++) {
    const seed = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), seed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    // Below 2^-20 of a quarter of a second: rounded away.
    if ((mixed ^ (mixed >>> 14)) >>> 0 < 4096) return state;
  }
}

const MASK = 0xffff_ffff_ffff_ffffn;
/** Inverses, modulo 2^64, of the two factors of SplitMix64. */
const UNMULTIPLY_FIRST = 0x96de_1b17_3f11_9089n;
const UNMULTIPLY_SECOND = 0x3196_42b2_d24d_8ec3n;
/** Elections that are told apart; no message lives for as many. */
const COUNT = 64;

/** @returns the state of the router's generator (SplitMix64) that gives the number `count + 1` of router `index` */
export function routerRandom(index: number, count: number): bigint {
  const value = BigInt(index * COUNT + (count % COUNT) + 1) << 32n;
  const known = RANDOMS.get(value);
  if (known !== undefined) return known;
  let mixed = unshift(value, 31n);
  mixed = unshift((mixed * UNMULTIPLY_SECOND) & MASK, 27n);
  mixed = unshift((mixed * UNMULTIPLY_FIRST) & MASK, 30n);
  const state = (mixed - 0x9e37_79b9_7f4a_7c15n) & MASK;
  RANDOMS.set(value, state);
  return state;
}

const RANDOMS = new Map<bigint, bigint>();

/** Undoes `x ^ (x >> by)`. */
function unshift(value: bigint, by: bigint): bigint {
  let result = value;
  for (let shift = by; shift < 64n; shift += by) result = value ^ (result >> by);
  return result;
}
