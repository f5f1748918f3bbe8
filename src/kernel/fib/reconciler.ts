/**
 * The only writer of Detour's routes, rules and nexthops. Each pass dumps, compares and writes the difference.
 *
 * Group switches overtake: they are one message, sent within the call. A pass that was asked for before a switch takes
 * the switch's members instead of its own, so that it does not undo it.
 */
import type { KernelConfig } from '../../config/types.js';
import type { FibGroupIntent, FibIntent, FibReport } from '../../controller/ports.js';
import { NLM_F_CREATE, NLM_F_REPLACE, RTM_NEWNEXTHOP, RTPROT_DETOUR } from '../netlink/constants.js';
import { writeNexthopGroup } from '../codec/nexthop.js';
import type { NetlinkClient } from '../netlink/client.js';
import { deriveGroup, deriveObjects, pathsByName, type PathByName } from './derive.js';
import { diffObjects } from './diff.js';
import { describe, requestOf } from './execute.js';
import { findObjects } from './find.js';
import { groupNexthopId, type FoundObjects } from './objects.js';

/** A pass that met a moving target (a link that went down meanwhile) is repeated; what remains is a problem. */
const MAXIMUM_PASSES = 3;
const REPORTED_PROBLEMS = 20;
const NOTHING: FibIntent = { paths: [], groups: [], routes: [] };

export interface ReconcilerOptions {
  config: KernelConfig;
  /** Writes; answers come in order. */
  writer: NetlinkClient;
  /** Dumps; apart, so that a switch's answer does not wait for one. */
  reader: NetlinkClient;
  foreignHolder: FoundObjects['foreignHolder'];
}

export class FibReconciler {
  readonly #options: ReconcilerOptions;
  #queue: Promise<unknown> = Promise.resolve();
  #paths: PathByName = new Map();
  #foreignIds: ReadonlySet<number> = new Set();
  /** Counts calls, to tell which of an apply and a switch was asked for last. */
  #calls = 0;
  readonly #switches = new Map<number, { group: FibGroupIntent; call: number }>();

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  apply(intent: FibIntent): Promise<FibReport> {
    const call = ++this.#calls;
    // Known at once, so that a switch that follows this call goes by the new paths.
    this.#paths = pathsByName(intent);
    const report = this.#queue.then(() => this.#reconcile(intent, call));
    this.#queue = report.catch(() => undefined);
    return report;
  }

  /** Takes away everything of ours. */
  withdraw(): Promise<FibReport> {
    return this.apply(NOTHING);
  }

  async switchGroup(group: FibGroupIntent): Promise<FibReport> {
    const { config, writer } = this.#options;
    const id = groupNexthopId(config, group.groupIndex, group.family);
    this.#switches.set(id, { group, call: ++this.#calls });
    const spec = deriveGroup(group, this.#paths, config);
    // Without a usable member there is nothing to switch to: the next pass withdraws the routes.
    if (!spec) return { writes: 0, problems: [] };
    if (this.#foreignIds.has(id)) {
      return { writes: 0, problems: [`nexthop id ${id} of group ${group.group} is not ours`] };
    }
    const [error] = await writer.execute([
      { type: RTM_NEWNEXTHOP, flags: NLM_F_CREATE | NLM_F_REPLACE, body: (body) => writeNexthopGroup(body, spec) },
    ]);
    if (!error) return { writes: 1, problems: [] };
    return { writes: 0, problems: [`switch group ${group.group} (IPv${group.family}): ${error.message}`] };
  }

  async #reconcile(intent: FibIntent, call: number): Promise<FibReport> {
    let writes = 0;
    for (let pass = 1; ; pass++) {
      const calls = this.#calls;
      const { done, problems } = await this.#pass(this.#withSwitches(intent, call));
      writes += done;
      const switched = [...this.#switches.values()].some((one) => one.call > calls);
      // A pass without writes has found everything in place, or cannot help it.
      if (pass === MAXIMUM_PASSES || (problems.length === 0 && !switched)) {
        this.#forgetSwitches(call);
        return { writes, problems: shorten(problems) };
      }
    }
  }

  async #pass(intent: FibIntent): Promise<{ done: number; problems: string[] }> {
    const { config, reader, writer } = this.#options;
    const found = await findObjects(reader);
    this.#foreignIds = new Set(found.nexthops.filter((one) => one.protocol !== RTPROT_DETOUR).map((one) => one.id));
    const wanted = deriveObjects(intent, config);
    const { operations, problems } = diffObjects(wanted, { ...found, foreignHolder: this.#options.foreignHolder });
    const errors = await writer.execute(operations.map(requestOf));
    const refused = operations.flatMap((operation, index) => {
      const error = errors[index];
      return error ? [`${describe(operation)}: ${error.message}`] : [];
    });
    return { done: operations.length - refused.length, problems: [...problems, ...refused] };
  }

  #withSwitches(intent: FibIntent, call: number): FibIntent {
    const groups = intent.groups.map((group) => {
      const later = this.#switches.get(groupNexthopId(this.#options.config, group.groupIndex, group.family));
      return later && later.call > call ? later.group : group;
    });
    return { ...intent, groups };
  }

  /** Switches that were asked for before this apply are part of what it wanted. */
  #forgetSwitches(call: number): void {
    for (const [id, one] of this.#switches) {
      if (one.call < call) this.#switches.delete(id);
    }
  }
}

function shorten(problems: string[]): string[] {
  if (problems.length <= REPORTED_PROBLEMS) return problems;
  return [...problems.slice(0, REPORTED_PROBLEMS), `and ${problems.length - REPORTED_PROBLEMS} more like these`];
}
