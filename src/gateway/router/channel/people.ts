/** What people do: pairings that come and go, nodes that are approved, asked for, released or ended by hand. */
import { DetourError } from '../../../errors.js';
import type { Pairing } from '../../pairing/types.js';
import type { PairingStore } from '../../pairing/index.js';
import type { NodeEntry } from '../machine/state.js';
import type { RouterEvent } from '../types.js';

export interface PeopleHost {
  pairings: PairingStore;
  nodes: () => ReadonlyMap<string, NodeEntry>;
  dispatch: (event: RouterEvent) => void;
  /** For the event log. */
  note: (gateway: string, cause: string) => void;
  /** The pairing is gone: so is what was counted for it. */
  forget: (gateway: string) => void;
}

const SAYS = { elect: 'to be elected', release: 'not to be elected', auto: 'elected as needed' };

export class People {
  readonly #host: PeopleHost;

  constructor(host: PeopleHost) {
    this.#host = host;
  }

  /** Files may have been written by another program. @throws DetourError STATE_UNUSABLE, NOT_PERMITTED */
  reload(): void {
    this.#host.pairings.reload();
    this.sync();
  }

  /** Tells the machine which pairings there are, if it does not know. */
  sync(): void {
    this.#tell(this.#host.pairings.list());
  }

  /** @throws DetourError GATEWAY_UNKNOWN, as the others do */
  approve(name: string, by: string): void {
    this.#known(name);
    this.#host.pairings.approve(name);
    this.#host.note(name, `approved by ${by}`);
    this.sync();
  }

  operate(what: 'elect' | 'release' | 'auto', pairing: string, by: string): void {
    this.#known(pairing);
    this.#host.note(pairing, `${SAYS[what]}, says ${by}`);
    this.#host.dispatch({ type: 'operator', what, pairing, by });
  }

  revoke(name: string, by: string): void {
    const { pairings, note, forget } = this.#host;
    this.#known(name);
    note(name, `the pairing is ended by ${by}`);
    // RELEASE goes out while there is a key to say it with.
    this.#tell(pairings.list().filter((pairing) => pairing.name !== name));
    try {
      pairings.remove(name);
      forget(name);
    } finally {
      this.sync();
    }
  }

  #known(name: string): void {
    const { pairings, nodes } = this.#host;
    if (pairings.find(name) && nodes().has(name)) return;
    this.reload();
    if (pairings.find(name)) return;
    const known = pairings.list().map((pairing) => pairing.name);
    throw new DetourError('GATEWAY_UNKNOWN', { gateway: name, known: known.join(', ') || 'none' });
  }

  #tell(pairings: readonly Pairing[]): void {
    const nodes = this.#host.nodes();
    const isKnown = ({ name, approved, peer }: Pairing): boolean => {
      const entry = nodes.get(name);
      return entry?.approved === approved && (entry.node ?? peer) === entry.node;
    };
    if (pairings.length === nodes.size && pairings.every(isKnown)) return;
    const list = pairings.map(({ name, peer, approved }) => ({ name, peer, approved }));
    this.#host.dispatch({ type: 'pairings', pairings: list });
  }
}
