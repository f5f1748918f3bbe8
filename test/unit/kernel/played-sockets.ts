/**
 * A reader and a writer on the model of the kernel, whose answers come when the test says so. As over netlink, what is
 * written is done when `execute` returns; only its answer is late. Of a dump both are: when the kernel makes it, and
 * when it arrives. Rules are left out: all are accepted, and none is found.
 */
import { readNexthop } from '../../../src/kernel/codec/nexthop.js';
import { readRoute, type RouteSpec } from '../../../src/kernel/codec/route.js';
import type { Operation } from '../../../src/kernel/fib/diff.js';
import type { ReconcilerOptions } from '../../../src/kernel/fib/reconciler.js';
import * as nl from '../../../src/kernel/netlink/constants.js';
import { NetlinkError } from '../../../src/kernel/netlink/error.js';
import { MessageWriter, readMessages, type NetlinkRequest } from '../../../src/kernel/netlink/message.js';
import { ModelKernel } from './model-kernel.js';

export class PlayedSockets {
  readonly kernel = new ModelKernel();
  readonly #pending: (() => void)[] = [];
  readonly reader = { dumpAll: (request: NetlinkRequest) => this.#dump(request) } as ReconcilerOptions['reader'];
  readonly writer: ReconcilerOptions['writer'] = {
    execute: (requests) => {
      const answers = requests.map((request) => this.#execute(request));
      return new Promise((resolve) => this.#pending.push(() => resolve(answers)));
    },
  };

  get pending(): number {
    return this.#pending.length;
  }

  /** Lets one of what is under way happen, and all that follows from it at once. */
  async step(pick = 0): Promise<void> {
    const [event] = this.#pending.splice(pick % Math.max(1, this.#pending.length), 1);
    event?.();
    await new Promise(setImmediate);
  }

  #dump<T>({ type, body }: NetlinkRequest): Promise<T[]> {
    const payload = payloadOf({ type, flags: 0, body });
    return new Promise((resolve) =>
      this.#pending.push(() => {
        const records = this.#records(type, payload[0] ?? 0);
        this.#pending.push(() => resolve(records as T[]));
      }),
    );
  }

  #records(type: number, addressFamily: number): object[] {
    if (type === nl.RTM_GETNEXTHOP) return [...this.kernel.nexthops];
    if (type !== nl.RTM_GETROUTE) return [];
    return this.kernel.routes.filter(({ prefix }) => (prefix.family === 4) === (addressFamily === nl.AF_INET));
  }

  #execute(request: NetlinkRequest): NetlinkError | null {
    if (request.type === nl.RTM_NEWRULE || request.type === nl.RTM_DELRULE) return null;
    const refusal = this.kernel.execute(this.#operationOf(request));
    return refusal === null ? null : new NetlinkError(refusal.split(':')[0]!, refusal);
  }

  #operationOf(request: NetlinkRequest): Operation {
    const payload = payloadOf(request);
    const { type } = request;
    if (type === nl.RTM_NEWROUTE || type === nl.RTM_DELROUTE) {
      const action = type === nl.RTM_DELROUTE ? 'delete' : this.#makes(request, false);
      return { object: 'route', action, route: routeSpecOf(payload) };
    }
    const record = readNexthop(payload)!;
    if (type === nl.RTM_DELNEXTHOP) return { object: 'nexthop', action: 'delete', id: record.id };
    const action = this.#makes(
      request,
      this.kernel.nexthops.some((one) => one.id === record.id),
    );
    if (record.members) return { object: 'group', action, group: { id: record.id, members: record.members } };
    const { id, family, ifindex, gateway } = record;
    return { object: 'nexthop', action, nexthop: { id, family: family!, ifindex: ifindex!, gateway: gateway! } };
  }

  #makes({ flags }: NetlinkRequest, exists: boolean): 'create' | 'replace' {
    if ((flags & nl.NLM_F_REPLACE) === 0) return 'create';
    return (flags & nl.NLM_F_CREATE) !== 0 && !exists ? 'create' : 'replace';
  }
}

function payloadOf({ type, flags, body }: NetlinkRequest): Buffer {
  const writer = new MessageWriter();
  writer.message({ type, flags, body }, 1);
  const [message] = [...readMessages(Buffer.from(writer.take()))];
  return message!.payload;
}

function routeSpecOf(payload: Buffer): RouteSpec {
  const { prefix, table, metric, preferredSource, nexthopId, type, ifindex, gateway } = readRoute(payload)!;
  const route = { prefix, table, metric, preferredSource };
  if (nexthopId !== null) return { ...route, target: { kind: 'nexthop', id: nexthopId } };
  if (type === 'blackhole' || type === 'unreachable') return { ...route, target: { kind: type } };
  if (ifindex !== null && gateway) return { ...route, target: { kind: 'gateway', ifindex, gateway } };
  return { ...route, target: { kind: 'any' } };
}
