/** `interfaces` (as ingress) and `egress`: the logical interfaces, with a row of reason counters each. */
import { egressCodec, interfaceCodec, interfaceKeyCodec, InterfaceFlag, Limit } from '../abi/index.js';
import type { ForwardingIntent, InterfaceIntent, PortIntent } from '../controller/ports.js';
import { difference, encoded, keyText, u32Key, type KernelMap, type KeyText } from './kernel-map.js';
import type { PortTable } from './port-table.js';
import { SlotAllocator } from './slot-allocator.js';

const MAX_U16 = 0xffff;

export class InterfaceTable {
  readonly #ingress: KernelMap;
  readonly #egress: KernelMap;
  readonly #slots: SlotAllocator<number>;
  readonly #resetCounters: (slot: number) => void;
  #obsolete: { ingress: KeyText[]; egress: KeyText[] } = { ingress: [], egress: [] };

  /** @param resetCounters called for a row before its new owner uses it */
  constructor(ingress: KernelMap, egress: KernelMap, nowMs: () => number, resetCounters: (slot: number) => void) {
    this.#ingress = ingress;
    this.#egress = egress;
    this.#resetCounters = resetCounters;
    // Row 0 counts packets of interfaces that nobody knows.
    this.#slots = new SlotAllocator({ first: 1, end: Limit.MAX_INTERFACES }, nowMs);
    for (const value of ingress.readAll().values()) {
      const { ifindex, slot } = interfaceCodec.decode(new DataView(value.buffer, value.byteOffset), 0);
      this.#slots.adopt(ifindex, slot);
    }
  }

  /** Row of reason_counters of an interface; null: none. */
  slotOf(ifindex: number): number | null {
    return this.#slots.get(ifindex);
  }

  publish(
    { interfaces, ports, gatewayProtocol }: Pick<ForwardingIntent, 'interfaces' | 'ports' | 'gatewayProtocol'>,
    portTable: PortTable,
  ): string[] {
    const problems: string[] = [];
    const ingress = new Map<KeyText, Uint8Array>();
    const egress = new Map<KeyText, Uint8Array>();
    for (const intent of interfaces) {
      const slot = this.#slotFor(intent.ifindex);
      if (slot === null) {
        problems.push(`${intent.name}: all ${Limit.MAX_INTERFACES - 1} interfaces are in use`);
        continue;
      }
      const port = ports.find(({ ifindex }) => ifindex === intent.portIfindex);
      const { portIfindex, vlanId, innerVlanId } = intent;
      ingress.set(
        keyText(encoded(interfaceKeyCodec, { portIfindex, vlanId, innerVlanId })),
        ingressValue(intent, slot, gatewayProtocol?.ifindexes.includes(intent.ifindex) ?? false),
      );
      egress.set(u32Key(intent.ifindex), egressValue(intent, port, portTable.slotOf(portIfindex)));
    }
    this.#obsolete = {
      ingress: write(this.#ingress, ingress, problems),
      egress: write(this.#egress, egress, problems),
    };
    return problems;
  }

  retire(interfaces: readonly InterfaceIntent[]): void {
    this.#ingress.delete(this.#obsolete.ingress);
    this.#egress.delete(this.#obsolete.egress);
    this.#obsolete = { ingress: [], egress: [] };
    this.#slots.retain(new Set(interfaces.map(({ ifindex }) => ifindex)));
  }

  #slotFor(ifindex: number): number | null {
    const known = this.#slots.get(ifindex);
    if (known !== null) return known;
    const slot = this.#slots.allocate(ifindex);
    if (slot !== null) this.#resetCounters(slot);
    return slot;
  }
}

/** Writes what differs. @returns keys that are there and not wanted */
function write(map: KernelMap, wanted: ReadonlyMap<KeyText, Uint8Array>, problems: string[]): KeyText[] {
  const { updates, deletes } = difference(map.readAll(), wanted);
  try {
    map.update(updates);
  } catch (error) {
    problems.push(`${map.name}: ${String(error)}`);
  }
  return deletes;
}

/** By rp_filter. A mode that is not known is the strictest. */
const SOURCE_FLAGS = [0, InterfaceFlag.STRICT_SOURCE, InterfaceFlag.LOOSE_SOURCE];

function ingressValue(intent: InterfaceIntent, slot: number, speaksGateway: boolean): Uint8Array {
  const flags =
    (intent.forward[4] ? InterfaceFlag.FORWARD_IPV4 : 0) | (intent.forward[6] ? InterfaceFlag.FORWARD_IPV6 : 0);
  const source = SOURCE_FLAGS[intent.rpFilter] ?? InterfaceFlag.STRICT_SOURCE;
  const gateway = speaksGateway ? InterfaceFlag.GATEWAY_PROTOCOL : 0;
  const { ifindex, mac } = intent;
  return encoded(interfaceCodec, { ifindex, flags: flags | source | gateway, slot, mac: mac.bytes });
}

function egressValue(intent: InterfaceIntent, port: PortIntent | undefined, portSlot: number): Uint8Array {
  const redirectOk = intent.egress && portSlot !== 0 && port?.redirectOk === true;
  const fragmentsOk = redirectOk && port.redirectFragmentsOk === true;
  return encoded(egressCodec, {
    portSlot,
    flags: (redirectOk ? InterfaceFlag.REDIRECT_OK : 0) | (fragmentsOk ? InterfaceFlag.REDIRECT_FRAGMENTS_OK : 0),
    mtu: Math.min(intent.mtu, MAX_U16),
    vlanId: intent.vlanId,
    innerVlanId: intent.innerVlanId,
  });
}
