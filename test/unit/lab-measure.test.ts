import { describe, expect, it } from 'vitest';
import { suffered, timeline, type Stream } from '../../src/lab/measure.js';

const MS = 1_000_000n;

/** 1000 packets a second, sent at 1 ms, 2 ms, ...: '.' lost, '-' never sent, a digit arrived there, 1 ms later. */
function stream(fates: string): Stream {
  const each = [...fates];
  const sent = each.map((fate, index) => (fate === '-' ? 0n : BigInt(index + 1) * MS));
  return {
    transmitNs: BigInt64Array.from(sent),
    receiveNs: BigInt64Array.from(each, (fate, index) => (/\d/.test(fate) ? (sent[index] ?? 0n) + MS : 0n)),
    ifindex: Int32Array.from(each, (fate) => (/\d/.test(fate) ? Number(fate) : 0)),
    packetsPerSecond: 1000,
  };
}

describe('what a stream suffered', () => {
  it.each([
    ['111222', { sent: 6, lost: 0, outageMs: 0, pauseMs: 0, firstLostNs: null, lastIfindex: 2 }],
    ['1..1...2', { sent: 8, lost: 5, outageMs: 3, pauseMs: 0, firstLostNs: 2n * MS, lastIfindex: 2 }],
    ['1.--.1', { sent: 4, lost: 2, outageMs: 2, pauseMs: 2, firstLostNs: 2n * MS, lastIfindex: 1 }],
    ['...', { sent: 3, lost: 3, outageMs: 3, pauseMs: 0, firstLostNs: 1n * MS, lastIfindex: null }],
  ])('in %s', (fates, expected) => {
    expect(suffered(stream(fates), 0n, 1000n * MS)).toEqual(expected);
  });

  it('is judged only for packets sent in the window', () => {
    expect(suffered(stream('..11..'), 3n * MS, 5n * MS)).toMatchObject({ sent: 2, lost: 0, lastIfindex: 1 });
  });

  it('is plotted by path and time slice of arrival', () => {
    const { fromNs, counts } = timeline(
      stream('1122'),
      2,
      new Map([
        [1, 0],
        [2, 1],
      ]),
    );
    expect(fromNs).toBe(1n * MS);
    expect(counts.map((row) => row.slice(0, 3))).toEqual([
      [1, 1, 0],
      [0, 1, 1],
    ]);
  });
});
