/** What a stream of numbered packets suffered: lost, outage, by which path. Pure. */

export interface Stream {
  /** CLOCK_MONOTONIC by sequence number; 0: the send failed (the source's fault, not the path's). */
  transmitNs: BigInt64Array;
  /** 0: never arrived. */
  receiveNs: BigInt64Array;
  /** Interface of arrival in the far namespace. */
  ifindex: Int32Array;
  packetsPerSecond: number;
}

export interface Suffered {
  sent: number;
  lost: number;
  /** Longest run of lost packets, as time; the source's own pauses are not counted. */
  outageMs: number;
  /** Longest time beyond the regular gap in which the source sent nothing: what that hides is not in the other figures. */
  pauseMs: number;
  /** When the first lost packet was sent; null: none was lost. */
  firstLostNs: bigint | null;
  /** Interface by which the last packet of the window arrived; null: none did. */
  lastIfindex: number | null;
}

const NS_PER_MS = 1e6;

/** First sequence number sent at or after `ns`. Failed sends (0) inherit their predecessor's place. */
function firstSentSince(transmitNs: BigInt64Array, ns: bigint): number {
  for (let sequence = 0; sequence < transmitNs.length; sequence++) {
    if ((transmitNs[sequence] ?? 0n) >= ns) return sequence;
  }
  return transmitNs.length;
}

/** Judges the packets that were sent in [fromNs, toNs). */
export function suffered(stream: Stream, fromNs: bigint, toNs: bigint): Suffered {
  const gapNs = 1e9 / stream.packetsPerSecond;
  const end = firstSentSince(stream.transmitNs, toNs);
  const result: Suffered = { sent: 0, lost: 0, outageMs: 0, pauseMs: 0, firstLostNs: null, lastIfindex: null };
  let runNs = 0;
  let earlierNs: bigint | null = null;
  for (let sequence = firstSentSince(stream.transmitNs, fromNs); sequence < end; sequence++) {
    const sentNs = stream.transmitNs[sequence] ?? 0n;
    if (sentNs === 0n) continue;
    result.sent++;
    if (earlierNs !== null) result.pauseMs = Math.max(result.pauseMs, (Number(sentNs - earlierNs) - gapNs) / NS_PER_MS);
    earlierNs = sentNs;
    if ((stream.receiveNs[sequence] ?? 0n) > 0n) {
      result.lastIfindex = stream.ifindex[sequence] ?? null;
      runNs = 0;
      continue;
    }
    result.lost++;
    result.firstLostNs ??= sentNs;
    runNs += gapNs;
    result.outageMs = Math.max(result.outageMs, runNs / NS_PER_MS);
  }
  return result;
}

/** Packets per time slice and path, for the plot: `counts[path][slice]`. */
export function timeline(
  stream: Stream,
  sliceMs: number,
  paths: ReadonlyMap<number, number>,
): { fromNs: bigint; counts: number[][] } {
  const first = stream.transmitNs.find((ns) => ns > 0n) ?? 0n;
  const last = stream.receiveNs.reduce((latest, ns) => (ns > latest ? ns : latest), first);
  const slices = Math.max(1, Math.ceil(Number(last - first) / (sliceMs * NS_PER_MS)) + 1);
  const counts = [...paths.values()].map(() => new Array<number>(slices).fill(0));
  stream.receiveNs.forEach((ns, sequence) => {
    const row = counts[paths.get(stream.ifindex[sequence] ?? 0) ?? -1];
    const slice = Math.floor(Number(ns - first) / (sliceMs * NS_PER_MS));
    if (ns > 0n && row && slice >= 0 && slice < slices) row[slice] = (row[slice] ?? 0) + 1;
  });
  return { fromNs: first, counts };
}
