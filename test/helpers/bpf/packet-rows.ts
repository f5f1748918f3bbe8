/** Table tests of the forwarding program: a row is a packet in and what must come of it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { littleRouter } from './little-router.js';
import { declareFrames, frameOf } from './scapy.js';
import type { TestRouter } from './test-router.js';

export interface PacketRow {
  description: string;
  /** Scapy expression. */
  packet: string;
  /** Takes bytes off the end, or puts zeros there. */
  resizeTo?: number;
  verdict: 'PASS' | 'DROP' | 'REDIRECT';
  /** Reasons counted, "slot:NAME"; each once. */
  reasons: string[];
  /** Scapy expression of the frame that leaves; without it the frame must leave as it came. */
  out?: string;
  outResizeTo?: number;
}

function resized(frame: Buffer, bytes: number | undefined): Buffer {
  if (bytes === undefined) return frame;
  const result = Buffer.alloc(bytes);
  frame.copy(result, 0, 0, Math.min(bytes, frame.length));
  return result;
}

/** Registers one test for each row, on a router that all of them share: rows must not change it. */
export function testPacketRows(
  family: string,
  rows: readonly PacketRow[],
  makeRouter: () => TestRouter = littleRouter,
): void {
  declareFrames(rows.flatMap((row) => [row.packet, row.out ?? row.packet]));
  describe(family, () => {
    let router: TestRouter;

    beforeAll(() => {
      router = makeRouter();
    });
    afterAll(() => router.close());

    it.each(rows.map((row) => [row.description, row] as const))('%s', (_, row) => {
      const frame = resized(frameOf(row.packet), row.resizeTo);
      const expected = row.out === undefined ? frame : resized(frameOf(row.out), row.outResizeTo);
      const result = router.run(frame);
      expect(result.reasons).toEqual(Object.fromEntries(row.reasons.map((reason) => [reason, 1])));
      expect(result.verdict).toBe(row.verdict);
      expect(result.frame.toString('hex')).toBe(expected.toString('hex'));
    });
  });
}
