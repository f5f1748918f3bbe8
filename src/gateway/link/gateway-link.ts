/**
 * The link: authenticated messages in and out of the interfaces where the gateway protocol is spoken
 * (docs/gateway-protocol.md, sections 2 and 4). Knows keys, orders and sources; knows nothing of offers and leases.
 */
import type { Clock } from '../../controller/ports.js';
import type { LinkDatagram, NativeAddon } from '../../native.js';
import { IpAddress, type Family } from '../../net/ip-address.js';
import type { KeyId, Pairing } from '../pairing/types.js';
import { encode } from '../wire/index.js';
import { DISCARD_REASONS, type DiscardReason, type MachineId, type Order } from '../wire/types.js';
import { Bursts } from './bursts.js';
import { check, type CheckContext, type Verdict } from './checks.js';
import { InterfaceSockets } from './interface-sockets.js';
import { Keyring } from './keyring.js';
import { RateLimiter } from './rate.js';
import { BatchedReading, type Readable } from './reading.js';
import { ReplayGuard } from './replay.js';
import { Strangers } from './strangers.js';
import type {
  DiscardBurst,
  GatewayLink,
  LinkStatistics,
  Origin,
  OutgoingMessage,
  ReceivedMessage,
  Stranger,
} from './types.js';

const DEFAULT_BATCH_MS = 20;
/** While nothing is at stake: hundreds of nodes then cost ten wake-ups a second. */
const CALM_BATCH_MS = 100;
/** How soon what could not be opened is tried again: an interface without address, without IPv6, with the port taken. */
const RETRY_US = 1_000_000;

export interface GatewayLinkOptions {
  role: 'router' | 'node';
  self: MachineId;
  /** All of this role. Asked for each message: the same array until something has changed, as PairingStore.list() does. */
  pairings: () => readonly Pairing[];
  native: Pick<NativeAddon, 'openLinkSocket'>;
  clock: Clock;
  /** This and the other callbacks come in the middle of reading: they must not throw. */
  onMessage: (received: ReceivedMessage) => void;
  onBurst: (burst: DiscardBurst) => void;
  /** A peer has spoken for the first time: from now on its key is taken from nobody else. To be kept (PairingStore.setPeer). */
  onPeer: (pairing: string, peer: MachineId) => void;
  /** A peer has used a key, or a newer one, for the first time since the start (PairingStore.dropOldKeys). */
  onKeyUsed?: (pairing: string, key: KeyId) => void;
  /** Datagrams are read as often as this, except while it is urgent, or calm. Default 20. */
  batchMs?: number;
  /** What goes to everybody goes by this family where there is a choice. Default 6. */
  prefer?: Family;
  /** Network namespace file, for tests; absent: the current one. */
  netns?: string;
}

export interface OpenGatewayLink extends GatewayLink {
  /** What an earlier run has authenticated last: nothing up to that is taken again. */
  seed(pairing: string, sender: MachineId, order: Order): void;
  /** What the state machine found of a message that had passed: check 13 of section 4.2 (`echo`), above all. */
  countDiscard(reason: DiscardReason, origin: Origin): void;
  /** Nobody is elected and nobody is needed: datagrams are then read in longer batches. Not so at the beginning. */
  setCalm(calm: boolean): void;
  /** Datagrams that the kernel dropped because they came faster than they are read. */
  overruns(): number;
  /** Interfaces on which nothing can be said or heard, and why; they are tried again each second. */
  problems(): { ifname: string; reason: string }[];
}

export function openGatewayLink(options: GatewayLinkOptions): OpenGatewayLink {
  return new Link(options);
}

interface LinkInterface extends Readable {
  sockets: InterfaceSockets;
}

class Link implements OpenGatewayLink {
  readonly #options: GatewayLinkOptions;
  readonly #clock: Clock;
  readonly #interfaces = new Map<number, LinkInterface>();
  readonly #keyring: Keyring;
  readonly #replay = new ReplayGuard();
  readonly #rate = new RateLimiter();
  readonly #strangers = new Strangers();
  readonly #bursts = new Bursts();
  readonly #reading: BatchedReading;
  readonly #context: CheckContext;
  readonly #counts = { received: 0, accepted: 0, sent: 0, sendErrors: 0 };
  readonly #discarded = Object.fromEntries(DISCARD_REASONS.map((reason) => [reason, 0])) as Record<
    DiscardReason,
    number
  >;
  #overrunsOfClosed = 0;
  #cancelSums: (() => void) | null = null;
  #cancelRetry: (() => void) | null = null;
  #closed = false;

  constructor(options: GatewayLinkOptions) {
    this.#options = options;
    this.#clock = options.clock;
    const side = options.role === 'router' ? 'nodes' : 'routers';
    this.#keyring = new Keyring(options.pairings, side, (names) => this.#replay.retain(names));
    this.#reading = new BatchedReading(options.clock, {
      batchMs: options.batchMs ?? DEFAULT_BATCH_MS,
      calmBatchMs: CALM_BATCH_MS,
    });
    this.#context = this.#checkContext();
  }

  send({ pairing: name, to, order, message }: OutgoingMessage): void {
    // A file that was removed ends a lease, too, and the peer is told: with the key that nothing else is said with any more.
    const isFarewell = message.type === 'release' || message.type === 'withdraw';
    const parting = isFarewell ? this.#keyring.parting(name) : undefined;
    const sending = this.#keyring.sending(name) ?? parting;
    if (!sending) {
      // Revoked while the message was being made.
      this.#counts.sendErrors++;
      return;
    }
    const { key, receiver } = sending;
    const bytes = encode({ sender: this.#options.self, receiver, order }, message, key);
    if (to === null) for (const { sockets } of this.#interfaces.values()) this.#attempt(() => sockets.sendToAll(bytes));
    else this.#attempt(() => this.#sendTo(to, bytes));
  }

  setInterfaces(interfaces: readonly { ifindex: number; ifname: string }[]): void {
    if (this.#closed) return;
    const wanted = new Map(interfaces.map((one) => [one.ifindex, one]));
    for (const [ifindex, { sockets }] of this.#interfaces) {
      // Another name under the same index: renamed, or another interface.
      if (wanted.get(ifindex)?.ifname !== sockets.ifname) this.#remove(ifindex);
    }
    for (const one of wanted.values()) if (!this.#interfaces.has(one.ifindex)) this.#add(one);
    this.#openAll();
  }

  setUrgent(urgent: boolean): void {
    this.#reading.setUrgent(urgent);
  }

  setCalm(calm: boolean): void {
    this.#reading.setCalm(calm);
  }

  strangers(): readonly Stranger[] {
    return this.#strangers.list(this.#clock.nowUs());
  }

  statistics(): LinkStatistics {
    return { ...this.#counts, discarded: { ...this.#discarded } };
  }

  overruns(): number {
    let sum = this.#overrunsOfClosed;
    for (const { sockets } of this.#interfaces.values()) sum += sockets.overruns;
    return sum;
  }

  problems(): { ifname: string; reason: string }[] {
    return [...this.#interfaces.values()].flatMap(({ sockets: { ifname, problem } }) =>
      problem === null ? [] : [{ ifname, reason: problem }],
    );
  }

  seed(pairing: string, sender: MachineId, order: Order): void {
    this.#replay.note(pairing, sender, order);
  }

  countDiscard(reason: DiscardReason, origin: Origin): void {
    this.#discard(reason, origin);
  }

  close(): void {
    this.#closed = true;
    for (const ifindex of [...this.#interfaces.keys()]) this.#remove(ifindex);
    this.#reading.close();
    this.#cancelSums?.();
    this.#cancelRetry?.();
  }

  // ---------------------------------------------------------------- sending

  #sendTo({ ifindex, address }: Origin, bytes: Uint8Array): boolean {
    const found = this.#interfaces.get(ifindex);
    found?.sockets.send(address, bytes);
    return found !== undefined;
  }

  /** A message that cannot be sent is as one that is lost: what matters is repeated (section 7). */
  #attempt(send: () => boolean): void {
    let sent = false;
    try {
      sent = send();
    } catch {
      // Counted below; an interface that has gone is the kernel view's to tell.
    }
    if (sent) this.#counts.sent++;
    else this.#counts.sendErrors++;
  }

  // ---------------------------------------------------------------- interfaces

  #add({ ifindex, ifname }: { ifindex: number; ifname: string }): void {
    const { native, role, prefer = 6, netns } = this.#options;
    const sockets = new InterfaceSockets({
      native,
      role,
      ifindex,
      ifname,
      prefer,
      ...(netns === undefined ? {} : { netns }),
      onReadable: () => this.#reading.readable(link),
      onBroken: () => this.#openLater(),
    });
    const link: LinkInterface = { sockets, read: (max) => this.#readFrom(sockets, max) };
    this.#interfaces.set(ifindex, link);
  }

  #remove(ifindex: number): void {
    const link = this.#interfaces.get(ifindex);
    if (!link) return;
    this.#interfaces.delete(ifindex);
    this.#reading.forget(link);
    link.sockets.close();
    this.#overrunsOfClosed += link.sockets.overruns;
  }

  #openAll(): void {
    let complete = true;
    for (const { sockets } of this.#interfaces.values()) complete = sockets.open() && complete;
    if (!complete) this.#openLater();
  }

  #openLater(): void {
    this.#cancelRetry ??= this.#clock.at(this.#clock.nowUs() + RETRY_US, () => {
      this.#cancelRetry = null;
      this.#openAll();
    });
  }

  // ---------------------------------------------------------------- receiving

  #readFrom(sockets: InterfaceSockets, max: number): number {
    const datagrams = sockets.receive(max);
    for (const datagram of datagrams) if (!this.#closed) this.#receive(datagram, sockets);
    return datagrams.length;
  }

  #receive(datagram: LinkDatagram, { ifindex, ifname }: InterfaceSockets): void {
    const origin = { ifindex, ifname, address: IpAddress.fromBytes(datagram.source) };
    this.#counts.received++;
    this.#judge(check(datagram, origin, this.#context), origin);
  }

  #judge(verdict: Verdict, origin: Origin): void {
    const atUs = this.#clock.nowUs();
    switch (verdict.kind) {
      case 'message': {
        const { pairing, header, message } = verdict;
        this.#counts.accepted++;
        this.#options.onMessage({ pairing, header, message, origin, atUs });
        return;
      }
      case 'stranger':
        this.#strangers.note(verdict.id, verdict.name, origin, atUs);
        return;
      case 'discard':
        this.#discard(verdict.reason, origin);
    }
  }

  #checkContext(): CheckContext {
    const { self, role, onPeer, onKeyUsed } = this.#options;
    return {
      self,
      role,
      takesRate: (source) => this.#rate.take(source, this.#clock.nowUs()),
      findKey: (keyId) => this.#keyring.find(keyId),
      peerOf: ({ pairing }) => this.#keyring.peerOf(pairing),
      isFresh: ({ pairing }, sender, order) => this.#replay.isFresh(pairing.name, sender, order),
      onAuthentic: (known, { sender, order }, source) => {
        const { name } = known.pairing;
        this.#replay.note(name, sender, order);
        this.#rate.authenticated(source);
        this.#strangers.forget(sender);
        const { newPeer, newKey } = this.#keyring.note(known, sender);
        if (newPeer) onPeer(name, sender);
        if (newKey) onKeyUsed?.(name, known.key.id);
      },
    };
  }

  // ---------------------------------------------------------------- what is discarded

  #discard(reason: DiscardReason, origin: Origin): void {
    this.#discarded[reason]++;
    const burst = this.#bursts.note(reason, origin, this.#clock.nowUs());
    if (!burst) return;
    this.#options.onBurst(burst);
    this.#planSums();
  }

  #planSums(): void {
    const dueUs = this.#bursts.dueUs;
    if (dueUs === null || this.#cancelSums || this.#closed) return;
    this.#cancelSums = this.#clock.at(dueUs, () => {
      this.#cancelSums = null;
      for (const sum of this.#bursts.tick(this.#clock.nowUs())) this.#options.onBurst(sum);
      this.#planSums();
    });
  }
}
