/**
 * The only writer of Detour's routes, rules and nexthops. Each pass dumps, compares and writes the difference.
 *
 * Group switches overtake: they are one message, sent within the call. A pass that was asked for before a switch takes
 * the switch's members instead of its own, so that it does not undo it: those asked for until the dump is through go
 * into what the pass derives, in the same turn in which its first slice leaves; one that comes between two slices ends
 * the pass if a later slice writes that group, and the next pass derives anew.
 */
import type { KernelConfig } from '../../config/types.js';
import type { FibGroupIntent, FibIntent, FibReport } from '../../controller/ports.js';
import { NLM_F_CREATE, NLM_F_REPLACE, RTM_NEWNEXTHOP, RTPROT_DETOUR } from '../netlink/constants.js';
import { writeNexthopGroup } from '../codec/nexthop.js';
import { SLICE_MESSAGES, type NetlinkClient } from '../netlink/client.js';
import type { NetlinkError } from '../netlink/error.js';
import { deriveGroup, deriveObjects, pathsByName, type PathByName } from './derive.js';
import { diffObjects, type Operation } from './diff.js';
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
  writer: Pick<NetlinkClient, 'execute'>;
  /** Dumps; apart, so that a switch's answer does not wait for one. */
  reader: Pick<NetlinkClient, 'dumpAll'>;
  foreignHolder: FoundObjects['foreignHolder'];
  /** For tests: so few that every moment of a pass lies between two slices. */
  sliceMessages?: number;
}

export class FibReconciler {
  readonly #options: ReconcilerOptions;
  #queue: Promise<unknown> = Promise.resolve();
  #paths: PathByName = new Map();
  #foreignIds: ReadonlySet<number> = new Set();
  /** Counts calls, to tell which of an apply and a switch was asked for last. */
  #calls = 0;
  /** By the group's nexthop id. */
  readonly #switches = new Map<number, { group: FibGroupIntent; call: number }>();
  /** Counts what makes another pass necessary: switches asked for, and switches refused. */
  #disturbances = 0;

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
    this.#disturbances++;
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
    this.#disturbances++;
    return { writes: 0, problems: [`switch group ${group.group} (IPv${group.family}): ${error.message}`] };
  }

  async #reconcile(intent: FibIntent, call: number): Promise<FibReport> {
    let writes = 0;
    for (let pass = 1; ;) {
      const { done, problems, disturbed } = await this.#pass(intent, call);
      writes += done;
      // Each such pass answers another switch, so they come to an end.
      if (disturbed) continue;
      if (pass++ === MAXIMUM_PASSES || problems.length === 0) {
        this.#forgetSwitches(call);
        return { writes, problems: shorten(problems) };
      }
    }
  }

  async #pass(intent: FibIntent, call: number): Promise<{ done: number; problems: string[]; disturbed: boolean }> {
    const { config, reader, foreignHolder } = this.#options;
    const found: FoundObjects = { ...(await findObjects(reader)), foreignHolder };
    // From here to the first slice nothing is waited for: a switch is either in what is derived now, or sent later.
    const disturbances = this.#disturbances;
    this.#foreignIds = new Set(found.nexthops.filter((one) => one.protocol !== RTPROT_DETOUR).map((one) => one.id));
    const wanted = deriveObjects(this.#withSwitches(intent, call), config, found);
    const { operations, problems } = diffObjects(wanted, found);
    const errors = await this.#write(operations);
    const refused = errors.flatMap((error, index) =>
      error ? [`${describe(operations[index]!)}: ${error.message}`] : [],
    );
    return {
      done: errors.length - refused.length,
      problems: [...problems, ...refused],
      disturbed: this.#disturbances !== disturbances,
    };
  }

  /** @returns the answers; to fewer than all operations if a switch has made the rest obsolete */
  async #write(operations: readonly Operation[]): Promise<(NetlinkError | null)[]> {
    const errors: (NetlinkError | null)[] = [];
    const derived = this.#calls;
    let checked = derived;
    const { writer, sliceMessages = SLICE_MESSAGES } = this.#options;
    for (let start = 0; start < operations.length; start += sliceMessages) {
      if (this.#calls !== checked) {
        checked = this.#calls;
        if (operations.slice(start).some((operation) => this.#undoesSwitch(operation, derived))) break;
      }
      errors.push(...(await writer.execute(operations.slice(start, start + sliceMessages).map(requestOf))));
    }
    return errors;
  }

  /** Writes or deletes a group that was switched after call number `derived`. */
  #undoesSwitch(operation: Operation, derived: number): boolean {
    if (operation.object !== 'group' && !(operation.object === 'nexthop' && operation.action === 'delete'))
      return false;
    const id = operation.object === 'group' ? operation.group.id : operation.id;
    return (this.#switches.get(id)?.call ?? 0) > derived;
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
