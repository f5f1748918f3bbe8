/** The flow hash of bpf/flow_hash.h, written down again for the oracle, in arithmetic that cannot overflow. */
const MASK64 = (1n << 64n) - 1n;

function mix(state: bigint, word: bigint): bigint {
  const product = ((state ^ word) * 0x9e3779b97f4a7c15n) & MASK64;
  return product ^ (product >> 32n);
}

function pair(state: bigint, high: number, low: number): bigint {
  return mix(state, (BigInt(high) << 32n) | BigInt(low));
}

export interface Flow {
  family: 4 | 6;
  source: Uint8Array;
  destination: Uint8Array;
  protocol: number;
  /** The four bytes of both ports as they are on the wire; zeros if there are none. */
  ports: Uint8Array;
}

/** 32-bit words as a little-endian machine loads them. */
function words(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(i * 4, true));
}

export function flowHash(flow: Flow, seed: number): number {
  const source = words(flow.source);
  const destination = words(flow.destination);
  let state = pair(0n, seed, flow.family);
  source.forEach((word, i) => (state = pair(state, word, destination[i] as number)));
  state = pair(state, words(flow.ports)[0] as number, flow.protocol);
  return Number(mix(state, 0n) & 0xffffffffn);
}

export function rehash(hash: number, n: number): number {
  return Number(mix(pair(0n, hash, n), 0n) & 0xffffffffn);
}
