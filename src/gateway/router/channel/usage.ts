/** Bytes carried by each node in this day or month, over restarts: `usage.json`, and the budget of metered nodes. */
import { join } from 'node:path';
import type { GatewaysConfig } from '../../../config/types.js';
import type { Clock } from '../../../controller/ports.js';
import { messageOf } from '../../../errors.js';
import type { Log } from '../../log.js';
import { periodOf } from '../../period.js';
import { readStateFile } from '../../state-file.js';
import { writeVolatileFile } from '../../volatile-file.js';
import type { Usage } from '../../wire/types.js';

const FILE = 'usage.json';
const MAXIMUM_BYTES = 1024 * 1024;
const MAXIMUM_NODES = 1024;
/** What a power cut may leave uncounted is what was carried in this time. */
const WRITE_EVERY_US = 60_000_000;
const PERCENT = 100n;
const MAXIMUM_DIGITS = 40;

export type Budget = NonNullable<GatewaysConfig['budget']>;

interface Counted {
  /** "2026-11" or "2026-11-24", local time: what `bytes` is of. */
  period: string;
  bytes: bigint;
  /** Lease that was counted last, and its bytes as the node said them. */
  lease: bigint;
  seen: bigint;
}

/** How far a budget is used up. */
export type BudgetLevel = 'free' | 'warn' | 'exhausted';

export class UsageBook {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #nodes: Map<string, Counted>;
  #per: Budget['per'];
  #dirty = false;
  #writtenUs: number;

  /** Counts per month unless a budget says otherwise. */
  constructor(stateDirectory: string, per: Budget['per'], clock: Clock, log: Log) {
    this.#path = join(stateDirectory, FILE);
    this.#per = per;
    this.#clock = clock;
    this.#log = log;
    this.#nodes = readNodes(this.#path, log);
    this.#writtenUs = clock.nowUs();
  }

  /** What was counted for a month says nothing of a day: it is counted from now on. */
  countPer(per: Budget['per']): void {
    this.#per = per;
  }

  /** @param usage under that lease: grows, and begins at nothing with the next one */
  note(pairing: string, { toNetworkBytes, fromNetworkBytes }: Usage, lease: bigint): void {
    const counted = this.#counted(pairing);
    const now = toNetworkBytes + fromNetworkBytes;
    const before = counted.lease === lease && counted.seen <= now ? counted.seen : 0n;
    if (now === counted.seen && lease === counted.lease) return;
    this.#nodes.set(pairing, { ...counted, bytes: counted.bytes + now - before, lease, seen: now });
    this.#dirty = true;
    if (this.#clock.nowUs() - this.#writtenUs >= WRITE_EVERY_US) this.flush();
  }

  used(pairing: string): bigint {
    return this.#counted(pairing).bytes;
  }

  level(pairing: string, { bytes, warnPercent }: Budget): BudgetLevel {
    const used = this.used(pairing);
    if (used >= bytes) return 'exhausted';
    return used * PERCENT >= bytes * BigInt(Math.round(warnPercent)) ? 'warn' : 'free';
  }

  period(): string {
    return periodOf(this.#clock.wallMs(), this.#per);
  }

  forget(pairing: string): void {
    this.#dirty = this.#nodes.delete(pairing) || this.#dirty;
  }

  flush(): void {
    if (!this.#dirty) return;
    this.#writtenUs = this.#clock.nowUs();
    try {
      writeVolatileFile(this.#path, encode(this.#nodes));
      this.#dirty = false;
    } catch (error) {
      this.#log('warn', `bytes carried by gateway nodes are not kept: ${messageOf(error)}`);
    }
  }

  #counted(pairing: string): Counted {
    const period = this.period();
    const known = this.#nodes.get(pairing);
    if (known?.period === period) return known;
    return { period, bytes: 0n, lease: known?.lease ?? 0n, seen: known?.seen ?? 0n };
  }
}

const encode = (nodes: ReadonlyMap<string, Counted>): string => {
  const plain = [...nodes].map(([name, { period, bytes, lease, seen }]) => ({
    name,
    period,
    bytes: bytes.toString(),
    lease: lease.toString(),
    seen: seen.toString(),
  }));
  return `${JSON.stringify({ version: 1, nodes: plain })}\n`;
};

function readNodes(path: string, log: Log): Map<string, Counted> {
  try {
    const file = readStateFile(path, MAXIMUM_BYTES);
    if (file !== null) return decode(file.text);
  } catch (error) {
    log('warn', `${path}: ${messageOf(error)}: bytes carried by gateway nodes are counted from now on`);
  }
  return new Map();
}

/** @throws Error for whatever `encode` did not write */
function decode(text: string): Map<string, Counted> {
  const { version, nodes } = JSON.parse(text) as Record<string, unknown>;
  if (version !== 1 || !Array.isArray(nodes)) throw new Error('is not of this version');
  return new Map(
    nodes.slice(0, MAXIMUM_NODES).map((value: Record<string, unknown>) => {
      const { name, period } = value;
      if (typeof name !== 'string' || typeof period !== 'string') throw new Error('has a node without name or period');
      const [bytes, lease, seen] = [number(value['bytes']), number(value['lease']), number(value['seen'])];
      return [name, { period, bytes, lease, seen }] as const;
    }),
  );
}

function number(value: unknown): bigint {
  if (typeof value !== 'string' || value.length > MAXIMUM_DIGITS || !/^\d+$/.test(value)) {
    throw new Error('has a count that is no number');
  }
  return BigInt(value);
}
