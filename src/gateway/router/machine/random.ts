/** SplitMix64 (Steele, Lea, Flood 2014): a generator whose whole state is one number, so that it can be part of ours. */
const MASK = 0xffff_ffff_ffff_ffffn;

/** @returns 64 random bits, and the generator's next state */
export function next64(state: bigint): { value: bigint; state: bigint } {
  const next = (state + 0x9e37_79b9_7f4a_7c15n) & MASK;
  let mixed = ((next ^ (next >> 30n)) * 0xbf58_476d_1ce4_e5b9n) & MASK;
  mixed = ((mixed ^ (mixed >> 27n)) * 0x94d0_49bb_1331_11ebn) & MASK;
  return { value: mixed ^ (mixed >> 31n), state: next };
}
