/** What the event log is told of nodes and of discarded messages, and how many elections there were. */
import type { Clock } from '../../../controller/ports.js';
import type { GatewayDiscards, GatewayTransition } from '../../../controller/records.js';
import type { DiscardBurst } from '../../link/types.js';
import type { NodeEntry } from '../machine/state.js';
import type { GatewayRecord } from '../types.js';
import type { Outbox } from './outbox.js';

export type ChannelRecord = GatewayTransition | GatewayDiscards;

export class Records {
  readonly #outbox: Outbox;
  readonly #clock: Clock;
  readonly #find: (gateway: string) => NodeEntry | undefined;
  readonly #listeners: ((record: ChannelRecord) => void)[] = [];
  /** What an earlier run left is taken up before anybody listens. */
  readonly #untold: ChannelRecord[] = [];
  #elections = 0;
  #failures = 0;

  /** @param find the entry of a node as it is now */
  constructor(outbox: Outbox, clock: Clock, find: (gateway: string) => NodeEntry | undefined) {
    this.#outbox = outbox;
    this.#clock = clock;
    this.#find = find;
  }

  get elections(): number {
    return this.#elections;
  }

  /** Elections that ended in a rest. */
  get failures(): number {
    return this.#failures;
  }

  listen(callback: (record: ChannelRecord) => void): void {
    this.#listeners.push(callback);
    for (const record of this.#untold.splice(0)) callback(record);
  }

  /** Of the machine, which is in the new state already. */
  transition(record: GatewayRecord): void {
    this.#count(record);
    this.#tell({ kind: 'gateway', ...record });
  }

  /** Word of a person or a budget, which changes no state by itself. */
  note(gateway: string, cause: string): void {
    const state = this.#find(gateway)?.state ?? 'absent';
    this.#tell({ kind: 'gateway', gateway, from: state, to: state, cause, atUs: this.#clock.nowUs() });
  }

  /** Comes from the link, in the middle of nothing else. */
  burst({ reason, count, origin }: DiscardBurst): void {
    const from = origin === null ? 'from several addresses' : `from ${origin.address.toString()} on ${origin.ifname}`;
    this.#tell({ kind: 'gateway-discards', reason, count, cause: from, atUs: this.#clock.nowUs() });
    this.#outbox.deliver();
  }

  #count({ gateway, from, to }: GatewayRecord): void {
    if (from !== 'electing') return;
    if (to === 'elected') this.#elections += 1;
    const rest = this.#find(gateway)?.rest ?? null;
    const rests = rest !== null && rest.untilUs > this.#clock.nowUs();
    if (to === 'resting' || (to === 'releasing' && rests)) this.#failures += 1;
  }

  #tell(record: ChannelRecord): void {
    this.#outbox.post(() => {
      if (this.#listeners.length === 0) this.#untold.push(record);
      for (const listener of this.#listeners) listener(record);
    });
  }
}
