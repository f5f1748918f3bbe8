/** What the agent finds around it: where routers are, its ways out, whom it leaves through. What it offers follows. */
import type { GatewayNodeConfig } from '../../../config/gateway-node/index.js';
import type { Family } from '../../../net/ip-address.js';
import type { ReceivedMessage } from '../../link/types.js';
import type { MachineId } from '../../wire/types.js';
import type { NodeCondition } from '../types.js';
import { conditionOf } from './condition.js';
import { chooseInterfaces } from './interfaces.js';
import type { AgentPorts, LocalInterface } from './ports.js';
import { KnownRouters } from './upstream.js';

export interface SurroundingsOptions {
  hostname: string;
  /** Names of the interfaces of the ways out; asked where the owner does not say where routers are. */
  waysOut: () => string[];
}

const FAMILIES: readonly Family[] = [4, 6];

export class Surroundings {
  readonly #options: SurroundingsOptions;
  readonly #ports: Pick<AgentPorts, 'machine' | 'backhaul' | 'ownRouter'>;
  readonly #routers = new KnownRouters();
  /** Families whose way out was good when it was last judged. */
  readonly #proved = new Set<Family>();
  #interfaces: readonly LocalInterface[] = [];
  #interfaceProblem: string | null = null;

  constructor(options: SurroundingsOptions, ports: Pick<AgentPorts, 'machine' | 'backhaul' | 'ownRouter'>) {
    this.#options = options;
    this.#ports = ports;
  }

  /** Where routers are, as it was found last. */
  get interfaces(): readonly LocalInterface[] {
    return this.#interfaces;
  }

  /** A router has spoken. */
  heard(received: ReceivedMessage): void {
    this.#routers.note(received);
  }

  /** Looks at interfaces and ways out anew. */
  look({ interfaces }: GatewayNodeConfig): void {
    const present = this.#ports.machine.interfaces();
    const before = this.#interfaces.map(({ ifname }) => ifname);
    const choice = interfaces ? { names: interfaces } : chooseInterfaces(present, this.#options.waysOut(), before);
    const names = 'names' in choice ? choice.names : [];
    this.#interfaces = present.filter(({ ifname }) => names.includes(ifname));
    const absent = this.#interfaces.length === 0 ? `${names.join(', ')} is not there, or has no address` : null;
    this.#interfaceProblem = 'problem' in choice ? choice.problem : absent;
    this.#noteVerdicts();
  }

  /** Until a way out is judged, what was found of the one before counts; of none at all nothing does. */
  #noteVerdicts(): void {
    const paths = this.#ports.backhaul.paths();
    for (const family of FAMILIES) {
      const state = paths.find((path) => path.family === family)?.state ?? 'bad';
      if (state === 'good') this.#proved.add(family);
      else if (state === 'bad') this.#proved.delete(family);
    }
  }

  /** @param bytesLeft of the owner's budget; null: no limit */
  condition(config: GatewayNodeConfig, bytesLeft: bigint | null): NodeCondition {
    const { backhaul, machine } = this.#ports;
    return conditionOf({
      config,
      hostname: this.#options.hostname,
      interfaces: this.#interfaces,
      interfaceProblem: this.#interfaceProblem,
      lacking: machine.lacks(),
      backhaul: backhaul.paths(),
      proved: this.#proved,
      backhaulProblems: backhaul.problems(),
      power: machine.power(),
      bytesLeft,
      upstream: this.upstream(),
    });
  }

  /** Machines that this one leaves through: by its gateways, or as the router that it is, too. */
  upstream(): MachineId[] {
    const { backhaul, ownRouter } = this.#ports;
    return [...new Set([...this.#routers.through(backhaul.gateways()), ...ownRouter.upstream()])];
  }
}
