/** A node that is played: the real machine and link, but it says what it is told to, and arms nothing. */
import { randomBytes } from 'node:crypto';
import { openGatewayLink, type OpenGatewayLink } from '../../../src/gateway/link/index.js';
import { initialNode, nextDeadlineUs, step, type NodeState } from '../../../src/gateway/node/machine.js';
import type { NodeCondition, NodeEvent } from '../../../src/gateway/node/types.js';
import type { Pairing } from '../../../src/gateway/pairing/types.js';
import type { MachineId } from '../../../src/gateway/wire/types.js';
import { native } from '../../../src/native.js';
import type { Family } from '../../../src/net/ip-address.js';
import { systemClock } from '../../../src/system-clock.js';

const SECOND_US = 1_000_000;

export class PlayedNode {
  /** Leases that it has said yes to, in all. */
  granted = 0;
  readonly #link: OpenGatewayLink;
  #leases = new Set<bigint>();
  #state: NodeState;
  #cancel: (() => void) | null = null;

  constructor(
    pairing: Pairing,
    where: { netns: string; ifname: string; ifindex: number },
    {
      advertiseIntervalUs = 200_000,
      self = randomBytes(16).toString('hex'),
      epoch = Math.floor(Date.now() / 1000),
      prefer = 6,
    }: { advertiseIntervalUs?: number; self?: MachineId; epoch?: number; prefer?: Family } = {},
  ) {
    const policy = { self, slots: 1, advertiseIntervalUs, maximumLeaseUs: 60 * SECOND_US };
    this.#state = initialNode({ policy, epoch, seed: 1 });
    this.#link = openGatewayLink({
      role: 'node',
      self,
      pairings: () => [pairing],
      native,
      clock: systemClock,
      onMessage: (received) => this.#tell({ type: 'message', received }),
      onBurst: () => undefined,
      onPeer: () => undefined,
      prefer,
      netns: where.netns,
    });
    this.#link.setInterfaces([where]);
    this.#link.setUrgent(true);
    this.#tell({ type: 'pairings', names: [pairing.name] });
  }

  /** Leases that are in force. */
  get armed(): number {
    return this.#leases.size;
  }

  /** What it says of itself from now on. */
  say(condition: NodeCondition): void {
    this.#tell({ type: 'condition', condition });
  }

  /** Without a word. */
  close(): void {
    this.#cancel?.();
    this.#link.close();
  }

  #tell(event: NodeEvent): void {
    const { state, actions } = step(this.#state, event, systemClock.nowUs());
    this.#state = state;
    for (const action of actions) {
      if (action.type === 'send') this.#link.send(action.outgoing);
      if (action.type !== 'apply') continue;
      const numbers = new Set(action.leases.map(({ number }) => number));
      this.granted += [...numbers].filter((number) => !this.#leases.has(number)).length;
      this.#leases = numbers;
      queueMicrotask(() => this.#tell({ type: 'applied', version: action.version, problem: null }));
    }
    this.#cancel?.();
    const atUs = nextDeadlineUs(this.#state);
    this.#cancel = atUs === null ? null : systemClock.at(atUs, () => this.#tell({ type: 'tick' }));
  }
}
