/**
 * `gateway_peers`: whose gateway messages have a rate of their own. Where messages are looked at is a flag of the
 * interface (interface-table.ts). The values are the program's: what somebody has used up stays when we publish again.
 */
import { gatewayPeerKeyCodec, gatewayRateCodec } from '../abi/index.js';
import type { ForwardingIntent, GatewayProtocolIntent } from '../controller/ports.js';
import { encoded, keyText, type KernelMap, type KeyText } from './kernel-map.js';

type Peer = GatewayProtocolIntent['peers'][number];

const ADDRESS_BYTES = 16;
const UNUSED = encoded(gatewayRateCodec, { paidUntilNs: 0n });

export class GatewayTable {
  readonly #peers: KernelMap;
  #obsolete: KeyText[] = [];

  constructor(peers: KernelMap) {
    this.#peers = peers;
  }

  /** After the interfaces, whose flag makes the program look here. */
  publish({ gatewayProtocol, interfaces }: Pick<ForwardingIntent, 'gatewayProtocol' | 'interfaces'>): string[] {
    const { ifindexes = [], peers = [] } = gatewayProtocol ?? {};
    const wanted = new Set(peers.map(peerKey));
    const actual = this.#peers.readAll();
    const kept = [...actual.keys()].filter((key) => wanted.has(key));
    this.#obsolete = [...actual.keys()].filter((key) => !wanted.has(key));
    const missing = [...wanted].filter((key) => !actual.has(key));
    // Room is made first: nobody depends on the entry of a peer that is gone.
    if (actual.size + missing.length > this.#peers.maxEntries) this.retire();
    const room = this.#peers.maxEntries - kept.length;
    this.#peers.update(missing.slice(0, room).map((key) => [key, UNUSED] as const));
    return [...unguarded(ifindexes, interfaces), ...crowded(missing.length - room, this.#peers)];
  }

  /** Peers that `publish` found superfluous: from now on they share with everybody unknown. */
  retire(): void {
    this.#peers.delete(this.#obsolete);
    this.#obsolete = [];
  }
}

function peerKey({ ifindex, address }: Peer): KeyText {
  const bytes = new Uint8Array(ADDRESS_BYTES);
  bytes.set(address.bytes);
  return keyText(encoded(gatewayPeerKeyCodec, { ifindex, family: address.family, address: bytes }));
}

function unguarded(ifindexes: readonly number[], interfaces: ForwardingIntent['interfaces']): string[] {
  return ifindexes
    .filter((ifindex) => !interfaces.some((intent) => intent.ifindex === ifindex))
    .map((ifindex) => `gateway messages on ifindex ${ifindex} are not looked at in XDP: it carries no program of ours`);
}

function crowded(tooMany: number, map: KernelMap): string[] {
  if (tooMany <= 0) return [];
  return [`${map.name}: ${tooMany} peers more than its ${map.maxEntries}: they share the rate of unknown senders`];
}
