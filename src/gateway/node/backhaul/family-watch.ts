/** Watches the way out in one family: one round of probes each interval, one round at a time. */
import { messageOf } from '../../../errors.js';
import type { Family } from '../../../net/ip-address.js';
import type { Backhaul } from '../../wire/types.js';
import { Judgement } from './judgement.js';
import type { BackhaulTarget, ProbeTarget, WayOut } from './types.js';

export interface FamilyWatchOptions {
  family: Family;
  /** At least one. */
  targets: readonly BackhaulTarget[];
  timeoutMs: number;
  failAfter: number;
  probe: ProbeTarget;
  findWay: () => WayOut | string;
  nowUs: () => number;
  changed: () => void;
}

export class FamilyWatch {
  readonly #options: FamilyWatchOptions;
  #way: WayOut | string = 'not looked for yet';
  #judgement: Judgement;
  #reason = '';
  #next = 0;
  /** Of the way that it asks; what an earlier one still finds out is of no use. */
  #round: object | null = null;

  constructor(options: FamilyWatchOptions) {
    this.#options = options;
    this.#judgement = new Judgement(options.failAfter);
  }

  get family(): Family {
    return this.#options.family;
  }

  get way(): WayOut | null {
    return typeof this.#way === 'string' ? null : this.#way;
  }

  /** null: nothing is wrong. */
  get problem(): string | null {
    if (typeof this.#way === 'string') return this.#way;
    return this.#judgement.state === 'bad' ? `no target answers by ${this.#way.interface} (${this.#reason})` : null;
  }

  report(): Backhaul | null {
    return this.way === null ? null : this.#judgement.report(this.family, this.#options.nowUs());
  }

  /** To be called each interval. */
  tick(): void {
    this.#followWay();
    if (this.way !== null && this.#round === null) void this.#ask(this.way.interface);
  }

  stop(): void {
    this.#round = {};
  }

  #followWay(): void {
    const way = this.#options.findWay();
    if (JSON.stringify(way) === JSON.stringify(this.#way)) return;
    this.#way = way;
    this.#judgement = new Judgement(this.#options.failAfter);
    this.#round = null;
    this.#options.changed();
  }

  /** All at once until one has answered, so that the first answer comes soon; then by turns, so that each is asked seldom. */
  async #ask(ifname: string): Promise<void> {
    const { targets, probe, timeoutMs, nowUs, changed } = this.#options;
    const asked = this.#judgement.state === 'good' ? [targets[this.#next++ % targets.length]!] : targets;
    const round = {};
    this.#round = round;
    let rttUs: number | null = null;
    let reason = '';
    try {
      rttUs = await Promise.any(asked.map((target) => probe(target, ifname, timeoutMs)));
    } catch (error) {
      reason = [...new Set((error as AggregateError).errors.map(messageOf))].join(', ');
    }
    if (this.#round !== round) return;
    this.#round = null;
    const before = this.#judgement.state;
    this.#judgement.add(rttUs, nowUs());
    this.#reason = reason;
    if (this.#judgement.state !== before) changed();
  }
}
