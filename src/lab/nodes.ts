/** A gateway node of the lab: a machine with a modem, on the LAN or on a cable of its own to the router. */
import { addNamespace, connect, connectToSwitch, runNapi } from './namespaces.js';
import { ipBatch, sh } from './shell.js';
import {
  NODE_CELL_INTERFACE,
  NODE_LAN_INTERFACE,
  cellInterface,
  cellIpv4,
  cellIpv6,
  sideInterface,
} from './topology.js';
import type { LabNames, NodePlace } from './topology.js';

/** Last part of the first LAN node's addresses. */
const FIRST_HOST = 77;

export class LabNode {
  readonly place: NodePlace;
  readonly index: number;
  readonly #names: LabNames;

  constructor(names: LabNames, index: number, place: NodePlace) {
    this.#names = names;
    this.index = index;
    this.place = place;
  }

  get namespace(): string {
    const name = this.#names.nodes[this.index];
    if (name === undefined) throw new RangeError(`the lab has no node ${this.index}`);
    return name;
  }

  /** The router's interface where it is heard. */
  get routerInterface(): string {
    return this.place === 'lan' ? 'lan0' : sideInterface(this.index);
  }

  /** It forwards nothing, as a phone does not until it is asked to. */
  build(): void {
    addNamespace(this.namespace, false);
    const addresses = this.place === 'lan' ? this.#plugIntoLan() : this.#plugIntoRouter();
    const { far } = this.#names;
    const { index } = this;
    connect(this.namespace, NODE_CELL_INTERFACE, far, cellInterface(index));
    ipBatch(far, [
      `addr add 10.66.${index}.2/24 dev ${cellInterface(index)}`,
      `addr add 2001:db8:66:${index}::2/64 dev ${cellInterface(index)} nodad`,
    ]);
    ipBatch(this.namespace, [
      ...addresses.map((address) => `addr add ${address} dev ${NODE_LAN_INTERFACE}`),
      `addr add ${cellIpv4(index)}/24 dev ${NODE_CELL_INTERFACE}`,
      `addr add ${cellIpv6(index)}/64 dev ${NODE_CELL_INTERFACE} nodad`,
      `route add default via 10.66.${index}.2`,
      `route add default via 2001:db8:66:${index}::2`,
    ]);
  }

  #plugIntoLan(): string[] {
    const { lan } = this.#names;
    if (lan === null) throw new Error('a node on the LAN needs a switch there');
    connectToSwitch(lan, this.namespace, NODE_LAN_INTERFACE, `node${this.index}`);
    const host = FIRST_HOST + this.index;
    return [`198.51.100.${host}/24`, `2001:db8:1::${host}/64 nodad`];
  }

  #plugIntoRouter(): string[] {
    const { index } = this;
    const { router } = this.#names;
    connect(this.namespace, NODE_LAN_INTERFACE, router, sideInterface(index));
    runNapi(this.namespace, NODE_LAN_INTERFACE);
    ipBatch(router, [
      `addr add 10.67.${index}.1/24 dev ${sideInterface(index)}`,
      `addr add 2001:db8:67:${index}::1/64 dev ${sideInterface(index)} nodad`,
    ]);
    return [`10.67.${index}.2/24`, `2001:db8:67:${index}::2/64 nodad`];
  }

  /** Everything beyond its modem is dropped; the modem's carrier stays. */
  silence(): void {
    const drop = `add table inet silence; add chain inet silence out { type filter hook postrouting priority 300; }; add rule inet silence out oifname "${NODE_CELL_INTERFACE}" drop`;
    sh('ip', 'netns', 'exec', this.namespace, 'nft', drop);
  }

  unsilence(): void {
    sh('ip', 'netns', 'exec', this.namespace, 'nft', 'delete table inet silence');
  }

  /** What arming may change, as text: equal before an election and after a release. */
  fingerprint(): string {
    const inside = (...command: string[]): string => sh('ip', 'netns', 'exec', this.namespace, ...command);
    const settings = inside(
      'sysctl',
      '-a',
      '-r',
      String.raw`^net\.ipv[46]\.(ip_forward$|conf\..*(forwarding|accept_ra|send_redirects)$)`,
    );
    const routes = sh('ip', '-n', this.namespace, 'route', 'show', 'table', 'all', 'proto', '68');
    return [inside('nft', 'list', 'ruleset'), settings, routes].join('\n');
  }
}
