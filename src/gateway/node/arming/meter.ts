/** Bytes carried by each lease, from the table's counters. */
import { listNft } from '../../../nft.js';
import type { Usage } from '../../wire/types.js';
import { counterFrom, counterTo, TABLE, type Slot } from './ruleset.js';

interface Reading {
  id: number;
  /** Counted by counters that are no more: somebody flushed the ruleset. */
  lost: Usage;
  last: Usage;
}

const NOTHING: Usage = { toNetworkBytes: 0n, fromNetworkBytes: 0n };

export class Meter {
  readonly #readings = new Map<string, Reading>();

  /** A pairing with a new lease begins at 0. */
  begin(slots: readonly Slot[]): void {
    for (const { id, lease } of slots) {
      if (this.#readings.get(lease.pairing)?.id !== id)
        this.#readings.set(lease.pairing, { id, lost: NOTHING, last: NOTHING });
    }
  }

  /** @throws NftError */
  async read(): Promise<void> {
    const bytes = new Map<string, bigint>();
    for (const { counter } of (await listNft(`list counters table ${TABLE}`)) as { counter?: Counter }[]) {
      if (counter !== undefined) bytes.set(counter.name, BigInt(counter.bytes));
    }
    for (const reading of this.#readings.values()) {
      const toNetworkBytes = bytes.get(counterTo(reading.id));
      const fromNetworkBytes = bytes.get(counterFrom(reading.id));
      if (toNetworkBytes === undefined || fromNetworkBytes === undefined) continue;
      const { last } = reading;
      if (toNetworkBytes < last.toNetworkBytes || fromNetworkBytes < last.fromNetworkBytes)
        reading.lost = sum(reading.lost, last);
      reading.last = { toNetworkBytes, fromNetworkBytes };
    }
  }

  usage(): Map<string, Usage> {
    return new Map([...this.#readings].map(([pairing, { lost, last }]) => [pairing, sum(lost, last)]));
  }
}

interface Counter {
  name: string;
  bytes: number;
}

function sum(a: Usage, b: Usage): Usage {
  return {
    toNetworkBytes: a.toNetworkBytes + b.toNetworkBytes,
    fromNetworkBytes: a.fromNetworkBytes + b.fromNetworkBytes,
  };
}
