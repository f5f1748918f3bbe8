/** Which key a message was made with, and which to make one with. Follows the list of pairings as that changes. */
import { sendingKey, type PairingSide } from '../pairing/key.js';
import type { KeyId, Pairing, PairingKey } from '../pairing/types.js';
import type { MachineId } from '../wire/types.js';

export interface KnownKey {
  pairing: Pairing;
  key: PairingKey;
}

interface Heard {
  /** Newest key that the peer has used. */
  keyId: KeyId;
  peer: MachineId;
}

/** What a message to a peer is made with. */
export interface Sending {
  key: PairingKey;
  /** null: the peer has not spoken yet. */
  receiver: MachineId | null;
}

export class Keyring {
  readonly #list: () => readonly Pairing[];
  readonly #side: PairingSide;
  readonly #onPairings: (names: ReadonlySet<string>) => void;
  #indexed: readonly Pairing[] | null = null;
  #byKey = new Map<KeyId, KnownKey>();
  #byName = new Map<string, Pairing>();
  /** By pairing: what the peers have shown since the start, before it comes back to us in the list. */
  readonly #heard = new Map<string, Heard>();
  /** What the last change of the list took away. */
  #parted = new Map<string, Sending>();

  /**
   * @param list another array whenever something has changed, the same one otherwise
   * @param onPairings the names, whenever the list was another one
   */
  constructor(list: () => readonly Pairing[], side: PairingSide, onPairings: (names: ReadonlySet<string>) => void) {
    this.#list = list;
    this.#side = side;
    this.#onPairings = onPairings;
  }

  find(keyId: KeyId): KnownKey | undefined {
    this.#index();
    return this.#byKey.get(keyId);
  }

  pairing(name: string): Pairing | undefined {
    this.#index();
    return this.#byName.get(name);
  }

  /** A key is between two machines: once one has used it, it is nobody else's. null: the peer has not spoken yet. */
  peerOf(pairing: Pairing): MachineId | null {
    return pairing.peer ?? this.#heard.get(pairing.name)?.peer ?? null;
  }

  /**
   * The newest key that the peer has used since the start; before, and on a node always, the one that pairing/key.ts says:
   * the router made the new key, so the router has it.
   */
  sendingKey(pairing: Pairing): PairingKey | undefined {
    const used = this.#heard.get(pairing.name)?.keyId;
    const chosen = this.#side === 'nodes' ? pairing.keys.find(({ id }) => id === used) : undefined;
    return chosen ?? sendingKey(pairing, this.#side);
  }

  /** undefined: there is no such pairing. */
  sending(name: string): Sending | undefined {
    const pairing = this.pairing(name);
    return pairing && this.#sendingOf(pairing);
  }

  /** As `sending`, of a pairing that was ended by the last change of the list: a lease of it is still to be ended. */
  parting(name: string): Sending | undefined {
    this.#index();
    return this.#parted.get(name);
  }

  #sendingOf(pairing: Pairing): Sending | undefined {
    const key = this.sendingKey(pairing);
    return key && { key, receiver: this.peerOf(pairing) };
  }

  /**
   * The peer has used this key. @returns what that says for the first time: who the peer is, and that it has this key
   */
  note({ pairing, key }: KnownKey, peer: MachineId): { newPeer: boolean; newKey: boolean } {
    const { name, keys } = pairing;
    const before = this.#heard.get(name)?.keyId;
    const place = (id: KeyId | undefined): number => keys.findIndex((one) => one.id === id);
    const newKey = place(key.id) > place(before);
    const newPeer = this.peerOf(pairing) === null;
    if (newKey) this.#heard.set(name, { keyId: key.id, peer });
    return { newPeer, newKey };
  }

  #index(): void {
    const pairings = this.#list();
    if (pairings === this.#indexed) return;
    this.#indexed = pairings;
    const before = this.#byName;
    this.#byName = new Map(pairings.map((pairing) => [pairing.name, pairing]));
    this.#byKey = new Map(
      pairings.flatMap((pairing) => pairing.keys.map((key) => [key.id, { pairing, key }] as const)),
    );
    this.#parted = new Map();
    for (const [name, pairing] of before) {
      const sending = this.#byName.has(name) ? undefined : this.#sendingOf(pairing);
      if (sending) this.#parted.set(name, sending);
    }
    for (const [name, { keyId }] of this.#heard) {
      // Another pairing under the same name is with another machine, perhaps.
      if (!this.#byName.get(name)?.keys.some(({ id }) => id === keyId)) this.#heard.delete(name);
    }
    this.#onPairings(new Set(this.#byName.keys()));
  }
}
