/** One step at work: entries are replaced, never written to; what is to be done collects in order. */
import type { Order } from '../../wire/types.js';
import type { NodeState, RouterAction } from '../types.js';
import { NodeTable } from './node-table.js';
import { next64 } from './random.js';
import type { NodeEntry, RouterState } from './state.js';

const SEQUENCE_BITS = 32n;
/** Parts that a random fraction is made of: more than microseconds need. */
const FRACTION_BITS = 32n;

export class Work {
  readonly nowUs: number;
  readonly actions: RouterAction[] = [];
  /** Grows with every entry that is replaced. */
  changes = 0;
  #state: RouterState;
  /** A copy of this step's own, once an entry has changed. */
  #nodes: NodeTable | null = null;

  constructor(state: RouterState, nowUs: number) {
    this.#state = state;
    this.nowUs = nowUs;
  }

  get state(): RouterState {
    return this.#nodes === null ? this.#state : { ...this.#state, nodes: this.#nodes };
  }

  get policy(): RouterState['policy'] {
    return this.#state.policy;
  }

  get stopped(): boolean {
    return this.#state.stopped;
  }

  get nodes(): ReadonlyMap<string, NodeEntry> {
    return this.#nodes ?? this.#state.nodes;
  }

  /** Everything but the nodes. */
  set(change: Partial<Omit<RouterState, 'nodes'>>): void {
    this.#state = { ...this.#state, ...change };
  }

  entry(pairing: string): NodeEntry | undefined {
    return this.nodes.get(pairing);
  }

  put(entry: NodeEntry): NodeEntry {
    this.#nodes ??= NodeTable.copyOf(this.#state.nodes);
    this.#nodes.put(entry);
    this.changes += 1;
    return entry;
  }

  remove(pairing: string): void {
    this.#nodes ??= NodeTable.copyOf(this.#state.nodes);
    this.#nodes.remove(pairing);
  }

  change(entry: NodeEntry, change: Partial<NodeEntry>): NodeEntry {
    return this.put({ ...entry, ...change });
  }

  /** The only way from one state to another: it is recorded. */
  move(entry: NodeEntry, to: NodeState, cause: string, change: Partial<NodeEntry> = {}): NodeEntry {
    const { pairing: gateway, state: from } = entry;
    this.actions.push({ type: 'record', record: { gateway, from, to, cause, atUs: this.nowUs } });
    return this.put({ ...entry, ...change, state: to, sinceUs: this.nowUs, cause });
  }

  nextOrder(): Order {
    const sequence = this.#state.sequence + 1;
    this.set({ sequence });
    return (BigInt(this.#state.epoch) << SEQUENCE_BITS) | BigInt(sequence);
  }

  /** 64 random bits, not all zero. */
  randomNumber(): bigint {
    const { value, state } = next64(this.#state.random);
    this.set({ random: state });
    return value === 0n ? 1n : value;
  }

  /** At least 0, less than 1. */
  randomFraction(): number {
    return Number(BigInt.asUintN(Number(FRACTION_BITS), this.randomNumber())) / 2 ** Number(FRACTION_BITS);
  }
}
