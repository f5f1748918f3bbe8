/** A link of one role in a namespace, which notes what comes out of it. */
import { openGatewayLink, type OpenGatewayLink } from '../../../src/gateway/link/index.js';
import type { DiscardBurst, Origin, OutgoingMessage, ReceivedMessage } from '../../../src/gateway/link/types.js';
import type { Pairing, PairingKey } from '../../../src/gateway/pairing/types.js';
import type { DiscardReason, MachineId, Message, Order } from '../../../src/gateway/wire/types.js';
import { native } from '../../../src/native.js';
import type { Family } from '../../../src/net/ip-address.js';
import { systemClock } from '../../../src/system-clock.js';
import type { NamedNetns } from '../named-netns.js';
import { until } from '../poll.js';
import { testId } from './messages.js';

export function pairingWith(name: string, keys: PairingKey[], peer: MachineId | null = null): Pairing {
  return { name, peer, keys, approved: true };
}

export class LinkRig {
  readonly self: MachineId;
  readonly link: OpenGatewayLink;
  pairings: readonly Pairing[];
  readonly received: ReceivedMessage[] = [];
  readonly bursts: DiscardBurst[] = [];
  readonly peers: [pairing: string, peer: MachineId][] = [];
  readonly keysUsed: [pairing: string, key: string][] = [];
  readonly #netns: NamedNetns;
  #order: Order = 1n << 32n;

  constructor(
    role: 'router' | 'node',
    netns: NamedNetns,
    { pairings, prefer = 6 }: { pairings: readonly Pairing[]; prefer?: Family },
  ) {
    this.#netns = netns;
    this.self = testId(role);
    this.pairings = pairings;
    this.link = openGatewayLink({
      role,
      self: this.self,
      pairings: () => this.pairings,
      native,
      clock: systemClock,
      onMessage: (received) => void this.received.push(received),
      onBurst: (burst) => void this.bursts.push(burst),
      onPeer: (...peer) => void this.peers.push(peer),
      onKeyUsed: (...key) => void this.keysUsed.push(key),
      prefer,
      netns: netns.path,
    });
  }

  speakOn(...ifnames: string[]): this {
    this.link.setInterfaces(ifnames.map((ifname) => ({ ifname, ifindex: this.#netns.ifindexOf(ifname) })));
    return this;
  }

  /** Each message has the next order. */
  send(pairing: string, message: Message, to: Origin | null = null): OutgoingMessage {
    const outgoing = { pairing, to, order: ++this.#order, message };
    this.link.send(outgoing);
    return outgoing;
  }

  /** The newest message, once there are so many. */
  async receivedOne(count = this.received.length + 1): Promise<ReceivedMessage> {
    await until(() => this.received.length >= count, { what: `message ${count}` });
    return this.received.at(-1)!;
  }

  /** How many were discarded for each reason; those that are 0 are left out. */
  discarded(): Partial<Record<DiscardReason, number>> {
    return Object.fromEntries(Object.entries(this.link.statistics().discarded).filter(([, count]) => count > 0));
  }
}
