/**
 * Through which routers this machine leaves itself: serving one of them would be a loop. A router is known by the
 * addresses that it was heard from or says that it sends from; who leaves through one of these leaves through it.
 */
import type { IpAddress } from '../../../net/ip-address.js';
import type { ReceivedMessage } from '../../link/types.js';
import { MAXIMUM_CLIENTS } from '../../wire/index.js';
import type { MachineId } from '../../wire/types.js';

/** Of one router: what it says, where it was heard in both families, and what it had before. */
const ADDRESSES_KEPT = MAXIMUM_CLIENTS + 8;

export class KnownRouters {
  readonly #addresses = new Map<MachineId, string[]>();

  note({ header: { sender }, origin, message }: ReceivedMessage): void {
    const clients = 'clients' in message ? message.clients : [];
    // Its messages come by IPv6 as a rule: of IPv4 it is known by these alone. Networks are those of others.
    const own = clients.filter(({ address, length }) => length === address.bitLength);
    const texts = [origin.address, ...own.map(({ address }) => address)].map(String);
    const known = this.#addresses.get(sender) ?? [];
    if (texts.every((text, index) => text === known[index])) return;
    this.#addresses.set(sender, [...new Set([...texts, ...known])].slice(0, ADDRESSES_KEPT));
  }

  /** @param gateways of this machine's ways out */
  through(gateways: readonly IpAddress[]): MachineId[] {
    const texts = new Set(gateways.map(String));
    return [...this.#addresses].filter(([, known]) => known.some((text) => texts.has(text))).map(([id]) => id);
  }
}
