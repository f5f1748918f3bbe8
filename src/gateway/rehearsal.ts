/**
 * Plays elections between the two pure machines, over the real codec, before the first real one: their code has then been
 * compiled, and the one election that somebody waits for is not the slowest (measured in the lab: 18 ms from ELECT to
 * ACCEPT when all is cold, of which 6 ms of V8). Touches nothing but memory.
 */
import { randomBytes } from 'node:crypto';
import { IpAddress } from '../net/ip-address.js';
import { Prefix } from '../net/prefix.js';
import type { Origin, OutgoingMessage, ReceivedMessage } from './link/types.js';
import { initialNode, step as nodeStep } from './node/machine.js';
import type { NodeCondition, NodeEvent } from './node/types.js';
import { newKey } from './pairing/index.js';
import { initialRouter, step as routerStep } from './router/machine.js';
import type { RouterEvent } from './router/types.js';
import { authenticate, decode, encode, peek } from './wire/index.js';

/** Enough for V8's baseline compiler. */
const ROUNDS = 100;
/** What it may delay a start by. */
const BUDGET_MS = 80;
const SECOND_US = 1_000_000;

const ROUTER = '1'.repeat(32);
const NODE = '2'.repeat(32);
const AT_ROUTER: Origin = { ifindex: 1, ifname: 'rehearsal', address: IpAddress.parse('fe80::2') };
const AT_NODE: Origin = { ifindex: 1, ifname: 'rehearsal', address: IpAddress.parse('fe80::1') };

const CONDITION: NodeCondition = {
  offer: {
    families: [
      { family: 4, translation: 'masquerade', gateway: IpAddress.parse('192.0.2.2') },
      { family: 6, translation: 'masquerade', gateway: AT_ROUTER.address },
    ],
    name: 'rehearsal',
    cost: { preference: 100, metered: true, bytesLeft: null },
    power: { batteryPercent: null, charging: false },
    backhaul: [],
    path: [],
  },
  obstacle: null,
  upstream: [],
};

export interface Rehearsed {
  rounds: number;
  /** Nodes elected and released in them. */
  elected: number;
  released: number;
}

/** @param budgetMs no round begins after that */
export function rehearseElections(budgetMs = BUDGET_MS): Rehearsed {
  const result: Rehearsed = { rounds: 0, elected: 0, released: 0 };
  const endMs = performance.now() + budgetMs;
  while (result.rounds < ROUNDS && performance.now() < endMs) {
    const { elected, released } = new Play().play();
    result.rounds += 1;
    result.elected += elected;
    result.released += released;
  }
  return result;
}

class Play {
  readonly #key = newKey(0);
  #router = initialRouter({
    policy: {
      self: ROUTER,
      maximumElected: 1,
      metered: 'allow',
      minimumBatteryPercent: 20,
      approval: 'pairing',
      wayBack: 'router',
      clients: [Prefix.parse('192.0.2.1/32'), Prefix.parse('2001:db8::1/128')],
      leaseUs: 15 * SECOND_US,
      renewUs: 3 * SECOND_US,
      switchAfterUs: 30 * SECOND_US,
      restUs: 5 * SECOND_US,
      maximumRestUs: 80 * SECOND_US,
    },
    epoch: 1,
    seed: randomBytes(8).readBigUInt64LE(),
  });
  #node = initialNode({
    policy: { self: NODE, slots: 1, advertiseIntervalUs: SECOND_US, maximumLeaseUs: 60 * SECOND_US },
    epoch: 1,
    seed: randomBytes(4).readUInt32BE(),
  });
  #nowUs = SECOND_US;
  readonly #said: (() => void)[] = [];
  #elected = 0;
  #released = 0;

  play(): { elected: number; released: number } {
    this.#routerHears({ type: 'pairings', pairings: [{ name: 'node', peer: null, approved: true }] });
    this.#nodeHears({ type: 'pairings', names: ['router'] });
    this.#nodeHears({ type: 'condition', condition: CONDITION });
    this.#settle();
    this.#routerHears({ type: 'need', need: { active: [4, 6], standby: [], cause: 'rehearsal' } });
    this.#settle();
    this.#routerHears({ type: 'need', need: { active: [], standby: [], cause: 'rehearsal' } });
    this.#routerHears({ type: 'left', pairing: 'node' });
    this.#settle();
    return { elected: this.#elected, released: this.#released };
  }

  /** Time passes, and what was said is heard. */
  #settle(): void {
    for (let second = 0; second < 2; second++) {
      this.#hear();
      this.#nowUs += SECOND_US;
      this.#nodeHears({ type: 'tick' });
      this.#routerHears({ type: 'tick' });
    }
    this.#hear();
  }

  #hear(): void {
    for (let next = this.#said.shift(); next; next = this.#said.shift()) next();
  }

  #routerHears(event: RouterEvent): void {
    const { state, actions } = routerStep(this.#router, event, this.#nowUs);
    this.#router = state;
    for (const action of actions) {
      if (action.type === 'record' && action.record.to === 'elected') this.#elected += 1;
      if (action.type !== 'send') continue;
      const received = this.#carried(action.outgoing, ROUTER, 'router', AT_NODE);
      this.#said.push(() => this.#nodeHears({ type: 'message', received }));
    }
  }

  #nodeHears(event: NodeEvent): void {
    const { state, actions } = nodeStep(this.#node, event, this.#nowUs);
    this.#node = state;
    for (const action of actions) {
      if (action.type === 'record' && action.record.what === 'released') this.#released += 1;
      if (action.type === 'apply') {
        const { version } = action;
        this.#said.push(() => this.#nodeHears({ type: 'applied', version, problem: null }));
      }
      if (action.type !== 'send') continue;
      const received = this.#carried(action.outgoing, NODE, 'node', AT_ROUTER);
      this.#said.push(() => this.#routerHears({ type: 'message', received }));
    }
  }

  #carried({ order, message }: OutgoingMessage, sender: string, pairing: string, origin: Origin): ReceivedMessage {
    const bytes = encode({ sender, receiver: null, order }, message, this.#key);
    const decoded = peek(bytes).ok && authenticate(bytes, this.#key) ? decode(bytes) : null;
    if (!decoded?.ok) throw new Error('what was encoded here cannot be read');
    return { pairing, header: decoded.header, message: decoded.message, origin, atUs: this.#nowUs };
  }
}
