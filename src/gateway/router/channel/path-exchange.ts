/** A machine may be router and node, as two programs: they tell each other whose traffic comes and goes (section 6.3). */
import type { Clock } from '../../../controller/ports.js';
import { pathWriter, readPath, type PathWriter } from '../../path-file.js';
import type { MachineId } from '../../wire/types.js';
import { isHolding, type RouterState } from '../machine/state.js';

export class PathExchange {
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #upstream: PathWriter;

  constructor(stateDirectory: string, clock: Clock) {
    this.#directory = stateDirectory;
    this.#clock = clock;
    this.#upstream = pathWriter(stateDirectory, 'upstream', clock);
  }

  /** The machines that this router leaves through, nearest first. @throws DetourError STATE_UNUSABLE, NOT_PERMITTED */
  keepUpstream({ nodes }: Pick<RouterState, 'nodes'>): void {
    const holders = [...nodes.values()].filter(isHolding);
    const ids = holders.flatMap(({ node, offer }) => (node === null ? [] : [node, ...(offer?.offer.path ?? [])]));
    this.#upstream.keep([...new Set(ids)]);
  }

  /** It leaves through nobody any more. */
  clearUpstream(): void {
    this.#upstream.keep([]);
  }

  /** The routers that the node agent on this machine serves; null: they are those that the machine knows. */
  newDownstream({ downstream }: Pick<RouterState, 'downstream'>): MachineId[] | null {
    const routers = readPath(this.#directory, 'downstream', this.#clock);
    return routers.join() === downstream.join() ? null : routers;
  }
}
